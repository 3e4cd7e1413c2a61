def add_eval(c):
    pass
