// Nothing: the least that a process can do; what is left of its time is the price of starting one.
int main() {
  return 0;
}
