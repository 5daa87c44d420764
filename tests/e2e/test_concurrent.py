"""Many runs at one time do not touch each other."""

import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
from harness import run, run_json

pytestmark = pytest.mark.root

MANY = 60


def test_sixty_runs_at_once_answer_each_with_its_own_words(python):
    program = python("import sys\nopen('own', 'x').write(sys.argv[1])\nprint(open('own').read(), sys.stdin.read())")
    nonces = [uuid.uuid4().hex for _ in range(MANY)]
    with ThreadPoolExecutor(MANY) as pool:
        ended = list(pool.map(lambda nonce: run(program, "--", nonce, stdin=nonce[::-1], timeout=120), nonces))
    assert [each.err for each in ended] == [""] * MANY
    assert [each.out for each in ended] == [f"{nonce} {nonce[::-1]}\n" for nonce in nonces]
    assert {each.code for each in ended} == {0}


def test_every_one_of_many_is_limited_for_itself(python):
    program = python("import sys\ndata = bytearray(int(sys.argv[1]) << 20)\nprint(len(data) >> 20)")
    sizes = [16, 256] * 8
    with ThreadPoolExecutor(len(sizes)) as pool:
        ended = pool.map(lambda mib: run_json("--limit", "memory=64MiB", program, "--", str(mib), timeout=120), sizes)
    assert [result["status"] for result in ended] == ["ok", "memory_limit"] * 8
