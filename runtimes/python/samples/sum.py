import sys

factor = int(sys.argv[1])
print(factor * sum(int(word) for word in sys.stdin.read().split()))
