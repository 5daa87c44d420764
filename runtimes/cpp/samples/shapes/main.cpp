#include <iostream>

#include "shapes.h"

int main() { std::cout << area(Rectangle{3, 4}) << '\n'; }
