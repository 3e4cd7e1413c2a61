"""Each comparison, sign, constant and connective of the gate matters to a check."""

JUSTIFIED = [
    # The brake of an arm at rest has no rows, so its columns are never looked at.
    ("_NO_BRAKE = np.empty((0, 6))", "6: 7"),
    # Only the figure in the message of a refused start, where all rows are the same.
    ("worst = float(np.linalg.svd(J[0], compute_uv=False)[-1])", "0: 1"),
]


def test_every_mutant_of_the_gate_is_found_out(gate_mutants, gate_checks):
    mutants = list(gate_mutants.mutants())
    survivors = [
        (mutant.line, mutant.change)
        for mutant in mutants
        if gate_mutants.survives(mutant.load(), gate_checks.CHECKS)
    ]
    assert len(mutants) > 120
    assert survivors == JUSTIFIED
