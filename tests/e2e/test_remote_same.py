"""retort run --host keeps the promises of retort run: the same tests, with $RETORT_HOST set."""

import test_exit_codes
import test_interrupt
import test_output_folder
import test_run
import test_streams

import harness
import pytest
from harness import cell_processes, until
from server import server

pytestmark = pytest.mark.root

# What is of this machine by its nature.
OF_THIS_MACHINE = {
    # Manifests that the test brings along; keepers that the command starts; no jobs at all.
    "test_a_signal_ends_the_compile_stage",
    "test_a_signal_ends_a_run_that_asks_for_the_version",
    "test_a_signal_ends_a_run_whose_keeper_waits",
    "test_a_signal_ends_a_run_whose_keeper_is_stuck",
    "test_a_program_that_cannot_be_executed_is_125_and_a_start_error",
    "test_a_runtime_that_is_not_available_is_125_with_the_way_to_get_it",
    "test_the_diagnostics_of_a_compiler_that_made_nothing_are_told_once",
    "test_a_host_that_has_no_keeper_is_125",
    "test_soft_limits_of_the_caller_are_not_the_programs",
    "test_doctor_names_a_hard_limit_that_cells_inherit",
    # Its minute is for the processes of one machine; test_remote_live sends a quarter of it both ways.
    "test_a_gibibyte_of_stdin_reaches_the_program",
}
for module in (test_exit_codes, test_interrupt, test_output_folder, test_run, test_streams):
    for name, thing in vars(module).items():
        is_fixture = "fixture" in type(thing).__name__.lower() or hasattr(thing, "_pytestfixturefunction")
        if (name.startswith("test_") and callable(thing) and name not in OF_THIS_MACHINE) or is_fixture:
            globals()[name] = thing


@pytest.fixture(scope="module", autouse=True)
def host():
    settings = {"limits_run.largest.output": "2GiB", "limits_run.default.wall_time": "120s"}
    settings |= {"rate_anonymous.requests": 100_000, "rate_anonymous.burst": 10_000}
    with server(cache_enabled=False, **settings) as one:
        of_this_machine = harness.environment

        def environment(**more):
            return of_this_machine(**({"RETORT_HOST": one.url} | more))

        with pytest.MonkeyPatch.context() as patch:
            for module in (harness, test_exit_codes, test_interrupt, test_output_folder, test_run, test_streams):
                if hasattr(module, "environment"):
                    patch.setattr(module, "environment", environment)
            yield one


@pytest.fixture(autouse=True)
def leaves_nothing(host):
    """No cell remains; the server's own end is looked at by its fixture."""
    yield
    assert until(lambda: not cell_processes(), 10)
    assert until(lambda: host.get("/health").json["slots"]["taken"] == 0, 10)
