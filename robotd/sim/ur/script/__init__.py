"""URScript, as much of it as the control script and plain motion scripts use.

    program = parse(text)              # URScriptError with line and column where it refuses
    cycles = run(program, machine)     # a generator; next() runs the script for one cycle
    next(cycles)                       # StopIteration: ended; URScriptError: a runtime error

`parse` comes from `parser.py`, `run` from `interpreter.py`, the machine's Protocol from
`machine.py`, `URScriptError` from `errors.py`.
"""
