"""A sample of the mutants of gate, IK and follower; `make mutants` tries them all."""

import ast
import subprocess
import sys

import pytest

from tests.mutants.justified import MOST_N, read_justified
from tests.mutants.operators import mutants_of
from tests.mutants.targets import ROOT, TARGETS

SAMPLE_N = 6
SEED = 5


@pytest.mark.timeout(200)
def test_a_sample_of_the_mutants_is_found_out(tmp_path):
    words = [sys.executable, "-m", "tests.mutants", f"--sample={SAMPLE_N}", f"--seed={SEED}"]
    done = subprocess.run(
        [*words, "--workers=1", f"--out={tmp_path}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_few_are_justified_and_each_of_them_exists():
    justified = read_justified()
    assert len(justified) <= MOST_N
    for line in justified:
        mutants = mutants_of(TARGETS[line.module].path.read_text())
        assert (line.line, line.change) in {(m.line, m.change) for m in mutants}, line
        assert line.reason


@pytest.mark.parametrize("name", TARGETS)
def test_a_mutant_is_another_source_that_compiles(name):
    source = TARGETS[name].path.read_text()
    mutants = mutants_of(source)[::12]
    sources = {mutant.source for mutant in mutants}
    assert len(sources) == len(mutants)
    assert ast.unparse(ast.parse(source)) not in sources
    for changed in sources:
        compile(changed, name, "exec")


def test_comparisons_signs_constants_and_connectives_are_changed_and_words_are_not():
    source = '''
class A:
    """1 + 1"""
    x: int | None = 3

    @cached(True)
    def f(self, a: Literal[1]) -> Literal[2]:
        if a < 0.5 and not self.ready or a is None:
            self.q += -max(a, 2 * a)
        raise ValueError("1 + 1")
'''
    changes = [mutant.change for mutant in mutants_of(source)]
    assert changes == [
        "3: 4",
        "a < 0.5 and (not self.ready) or a is None: And",
        "a < 0.5 and (not self.ready) or a is None: without part 0",
        "a < 0.5 and (not self.ready) or a is None: without part 1",
        "a < 0.5 and (not self.ready): Or",
        "a < 0.5 and (not self.ready): without part 0",
        "a < 0.5 and (not self.ready): without part 1",
        "a < 0.5: LtE",
        "a < 0.5: Gt",
        "0.5: 1.0",
        "not self.ready: no not",
        "a is None: IsNot",
        "self.q += -max(a, 2 * a): Sub",
        "-max(a, 2 * a): UAdd",
        "max: min",
        "2 * a: Div",
        "2: 3",
    ]
