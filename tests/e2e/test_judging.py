"""How tests are judged: by comparison, by a checker, and by an interactor that speaks with the program."""

import pytest
from jobs import serve

ECHO = "import sys\nsys.stdout.write(sys.stdin.read())"


@pytest.fixture(scope="module")
def one():
    with serve() as running:
        yield running


def judge(one, body):
    answer = one.post("/v1/run", body)
    assert answer.status == 200, answer.text
    return answer.json


def program(source, runtime="python", **more):
    return {"runtime": runtime, "files": [{"content": source}], **more}


# Of each: what the program writes, what is expected, and whether that is right.
TOKENS = [
    ("a b\n", "a b", True),
    ("  a\t\tb\r\n\n", "a b\n", True),
    ("", "\n", True),
    ("a b", "a c", False),
    ("a b", "ab", False),
    ("a", "a b", False),
    ("a b", "a", False),
    ("A", "a", False),
    ("1.0", "1", False),
]
CHECKS = {
    "exact": (
        {"kind": "exact"},
        [
            ("a b\n", "a b\n", True),
            ("", "", True),
            ("a b", "a b\n", False),
            ("a  b\n", "a b\n", False),
            ("a b\n ", "a b\n", False),
            ("", "x", False),
        ],
    ),
    "tokens": ({"kind": "tokens"}, TOKENS),
    "tokens, when nothing is said": (None, TOKENS),
    "floats": (
        {"kind": "floats", "tolerance": 0.01},
        [
            ("3.14159", "3.14", True),
            ("3.18", "3.14", False),
            ("3.10", "3.14", False),
            ("1009", "1000", True),  # of a large number the tolerance is a part
            ("1011", "1000", False),
            ("0.009", "0", True),  # of a small one it is all
            ("0.011", "0", False),
            ("1e3 yes", "1000.0 yes", True),
            ("1000 no", "1000 yes", False),
            ("nan", "1", False),
            ("1", "nan", False),
            ("inf", "1e308", False),
            ("3.14 3.14", "3.14", False),
            ("", "3.14", False),
        ],
    ),
    "floats, of a small tolerance": (
        {"kind": "floats", "tolerance": 1e-9},
        [("3.1400000001", "3.14", True), ("3.1401", "3.14", False)],
    ),
    # The sum of what is written; a fault of its own where "crash" is.
    "program": (
        {
            "kind": "program",
            "program": program(
                "import sys\n"
                "given, said, right = (open(name).read().split() for name in sys.argv[1:])\n"
                "assert given == said\n"
                "sys.exit(7 if 'crash' in said else sum(map(int, said)) != int(right[0]) and 'not the sum')"
            ),
        },
        [("3 4", "7", True), ("7", "7", True), ("3 5", "7", False), ("crash", "7", None), ("x", "7", False)],
    ),
}


@pytest.mark.parametrize("check, cases", CHECKS.values(), ids=CHECKS)
def test_a_check_tells_right_from_wrong(one, check, cases):
    body = program(ECHO, tests=[{"stdin": said, "expected_stdout": right} for said, right, _ in cases], parallel=2)
    told = judge(one, body | ({"check": check} if check else {}))
    words = {True: "ok", False: "wrong_answer", None: "check_error"}
    assert [test["status"] for test in told["tests"]] == [words[is_right] for _, _, is_right in cases], told
    assert told["status"] == "wrong_answer"
    for test in told["tests"]:
        # Who judged is there with its stage; a comparison says where they differ.
        assert (test["judge"] is not None) == (check is not None and check["kind"] == "program")
        assert test["message"] or test["status"] == "ok"


def test_a_checkers_words_are_the_message(one):
    says = "import sys\nsys.exit('the first line\\nand another')"
    check = {"kind": "program", "program": program(says)}
    told = judge(one, program("print(1)", tests=[{"stdin": ""}], check=check))
    assert (told["tests"][0]["status"], told["tests"][0]["message"]) == ("wrong_answer", "the first line")


def test_a_program_that_fails_is_not_judged_right_by_its_output(one):
    told = judge(one, program("print(1)\nraise SystemExit(1)", tests=[{"stdin": "", "expected_stdout": "1"}]))
    assert told["tests"][0]["status"] == told["status"] == "nonzero_exit"


# ---- Interactors. ----

GUESSER = {
    "python": """
low, high = 1, 1000
while True:
    guess = (low + high) // 2
    print(guess, flush=True)
    said = input()
    if said == "right": break
    if said == "less": high = guess - 1
    else: low = guess + 1
""",
    "cpp": """
#include <iostream>
#include <string>
int main() {
  int low = 1, high = 1000;
  std::string said;
  while (true) {
    const int guess = (low + high) / 2;
    std::cout << guess << std::endl;
    if (!(std::cin >> said) || said == "right") return 0;
    (said == "less" ? high : low) = said == "less" ? guess - 1 : guess + 1;
  }
}
""",
}
KEEPER = {
    "python": """
import sys
secret = int(open(sys.argv[1]).read())
for turn in range(10):
    guess = int(input())
    print("right" if guess == secret else "less" if secret < guess else "more", flush=True)
    if guess == secret: sys.exit(0)
sys.exit("more than 10 guesses")
""",
    "cpp": """
#include <fstream>
#include <iostream>
int main(int, char** words) {
  int secret = 0, guess = 0;
  std::ifstream(words[1]) >> secret;
  for (int turn = 0; turn < 10; ++turn) {
    if (!(std::cin >> guess)) { std::cerr << "no guess" << std::endl; return 1; }
    std::cout << (guess == secret ? "right" : secret < guess ? "less" : "more") << std::endl;
    if (guess == secret) return 0;
  }
  std::cerr << "more than 10 guesses" << std::endl;
  return 1;
}
""",
}
SECRETS = [{"stdin": str(secret)} for secret in (1, 500, 731, 1000)]


@pytest.mark.parametrize("keeper", KEEPER)
@pytest.mark.parametrize("guesser", GUESSER)
def test_a_number_is_guessed_by_talking(one, guesser, keeper):
    told = judge(one, program(GUESSER[guesser], guesser, interactor=program(KEEPER[keeper], keeper), tests=SECRETS))
    assert told["status"] == "ok", told
    for test in told["tests"]:
        assert (test["status"], test["judge"]["name"], test["judge"]["exit_code"]) == ("ok", "interactor", 0)
    compiled = [stage["name"] for stage in told["stages"]]
    assert compiled == ["compile"] * (guesser == "cpp") + ["compile_interactor"] * (keeper == "cpp")


@pytest.mark.parametrize("keeper", KEEPER)
@pytest.mark.parametrize(
    "source",
    [
        "while True:\n    print(500, flush=True)\n    input()",  # the same again and again
        "for guess in range(1, 1001):\n    print(guess, flush=True)\n    if input() == 'right': break",
        "",  # says nothing
        "print('right', flush=True)\nprint(731)",  # no number
    ],
)
def test_who_guesses_badly_is_wrong_and_does_not_see_the_secret(one, keeper, source):
    told = judge(one, program(source, interactor=program(KEEPER[keeper], keeper), tests=[{"stdin": "731"}]))
    assert told["tests"][0]["status"] == told["status"] == "wrong_answer", told
    assert told["tests"][0]["judge"]["exit_code"] == 1


def test_an_interactor_gets_the_expected_output_and_its_own_words(one):
    keeper = "import sys\nsys.exit(open(sys.argv[2]).read() != 'secret' or sys.argv[3:] != ['word'])"
    told = judge(one, program("", interactor=program(keeper, args=["word"]), tests=[{"stdin": "", "expected_stdout": "secret"}]))
    assert told["status"] == "ok", told


def test_an_interactor_that_fails_is_no_fault_of_the_program(one):
    told = judge(one, program("", interactor=program("raise SystemExit(7)"), tests=[{"stdin": ""}]))
    assert told["tests"][0]["status"] == told["status"] == "check_error", told


def test_two_who_wait_for_each_other_end_by_the_wall_time(one):
    wait = program("input()")
    told = judge(one, wait | {"interactor": wait, "tests": [{"stdin": ""}], "limits": {"run": {"wall_time_us": 500_000}}})
    assert told["status"] == "wall_time_limit", told


def test_an_interactor_judges_alone_and_wants_tests(one):
    body = program("", interactor=program(""))
    assert one.post("/v1/run", body).json["errors"][0]["pointer"] == "/interactor"
    both = body | {"tests": [{"stdin": ""}], "check": {"kind": "tokens"}}
    assert [error["code"] for error in one.post("/v1/run", both).json["errors"]] == ["conflict"]
