"""The loop that scripts of today use: `servoL` and `waitPeriod` of ur_rtde, as it comes.

A process of its own: its constructors hold the interpreter's lock, and it may end in a crash. The
tool goes to and fro, 4 cm in 2 s. It says `moving` once it does, and at its end, on one line, when
each call was made.
"""

import argparse
import json
import math
import sys
import time

import rtde_control
import rtde_receive

from robotd.servo.realtime import obtain, stop_collecting

SWAY_M = 0.04
SWAY_S = 2.0
RAMP_S = 1.0


def main() -> None:
    """Connect, move for so long, and print what was measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", required=True)
    parser.add_argument("--rate", type=float, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--realtime", action="store_true")
    words = parser.parse_args()
    receive = rtde_receive.RTDEReceiveInterface(words.host, words.rate)
    control = rtde_control.RTDEControlInterface(words.host, words.rate)
    if words.realtime:
        obtain()
        stop_collecting()
    start = receive.getActualTCPPose()
    sent_ns, refused, said = [], 0, False
    begun = time.monotonic()
    while (since_s := time.monotonic() - begun) < words.seconds:
        period = control.initPeriod()
        ramp = min(1.0, since_s / RAMP_S)
        along_m = SWAY_M * ramp * math.sin(2 * math.pi * since_s / SWAY_S)
        target = [start[0] + along_m, *start[1:]]
        sent_ns.append(time.monotonic_ns())
        refused += not control.servoL(target, 0.0, 0.0, 1.0 / words.rate, 0.05, 300.0)
        if not said and since_s > RAMP_S:
            said = True
            sys.stdout.write("moving\n")
            sys.stdout.flush()
        control.waitPeriod(period)
    control.servoStop()
    control.stopScript()
    sys.stdout.write(json.dumps({"sent_ns": sent_ns, "refused": refused}) + "\n")


if __name__ == "__main__":
    main()
