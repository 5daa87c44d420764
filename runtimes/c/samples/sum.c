#include <math.h>
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  double sum = 0;
  double value;
  while (scanf("%lf", &value) == 1) sum += value;
  printf("%.0f\n", floor(atoi(argv[1]) * sum));
  return 0;
}
