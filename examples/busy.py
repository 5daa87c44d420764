# Burns CPU time until it is stopped:  ./dev run --limit cpu_time=1s examples/busy.py
while True:
    pass
