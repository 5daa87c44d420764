#include <stdio.h>

int main(void) {
  puts("leaving");
  return 7;
}
