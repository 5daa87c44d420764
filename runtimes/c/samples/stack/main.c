#include <stdio.h>

#include "stack.h"

int main(void) {
  int value;
  while (scanf("%d", &value) == 1) push(value);
  while (!is_empty()) {
    value = pop();
    printf("%d%c", value, is_empty() ? '\n' : ' ');
  }
  return 0;
}
