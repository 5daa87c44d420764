// Adds the numbers on its input:  echo 1 2 3 | ./dev run examples/sum.cpp
#include <iostream>

int main() {
  long sum = 0;
  for (long number = 0; std::cin >> number;) sum += number;
  std::cout << sum << '\n';
}
