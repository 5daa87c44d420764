def for_name(name):
    return f"Hello, {name}!"
