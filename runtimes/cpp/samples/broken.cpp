#include <string>

int main() { std::string text = 1.5 + nullptr; }
