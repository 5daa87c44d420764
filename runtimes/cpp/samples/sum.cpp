#include <iostream>
#include <iterator>
#include <numeric>
#include <string>

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  const std::istream_iterator<long> first(std::cin);
  std::cout << std::stol(argv[1]) * std::accumulate(first, {}, 0L) << '\n';
}
