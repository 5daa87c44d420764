#include "stack.h"

static int values[100];
static int size;

void push(int value) { values[size++] = value; }
int pop(void) { return values[--size]; }
int is_empty(void) { return size == 0; }
