# Integration tests: the probe, and tests that run it in cells of the real kernel.

# Static, so that it runs in any image; no sanitizer, since it is what is contained and not what contains.
add_executable(retort-probe
  tests/probe/probe.cc tests/probe/tools.cc tests/probe/call_modes.cc tests/probe/file_modes.cc
  tests/probe/sight_modes.cc tests/probe/stream_modes.cc tests/probe/terminal_modes.cc tests/probe/work_modes.cc)
target_include_directories(retort-probe PRIVATE ${CMAKE_SOURCE_DIR}/tests)
set_target_properties(retort-probe PROPERTIES COMPILE_OPTIONS "" LINK_OPTIONS "-static;-s")
target_link_libraries(retort-probe PRIVATE retort_flags)

add_library(retort_test_support STATIC tests/support/cell_test.cc)
target_include_directories(retort_test_support PUBLIC ${CMAKE_SOURCE_DIR}/tests)
target_link_libraries(retort_test_support PRIVATE retort_flags PUBLIC retort_job GTest::gtest)

# retort_cell_test(NAME [ALONE]): tests/cell/NAME.cc. ALONE: its figures want a machine that does nothing else.
function(retort_cell_test name)
  cmake_parse_arguments(ARG "ALONE" "" "" ${ARGN})
  set(alone FALSE)
  if(ARG_ALONE)
    set(alone TRUE)
  endif()
  add_executable(integration_${name} tests/cell/${name}.cc)
  target_link_libraries(integration_${name} PRIVATE retort_flags retort_test_support GTest::gtest_main)
  add_dependencies(integration_${name} retort-keeper retort-init retort-probe)
  gtest_discover_tests(integration_${name} TEST_PREFIX "cell." DISCOVERY_MODE PRE_TEST
                       PROPERTIES LABELS integration RUN_SERIAL ${alone} TIMEOUT 120)
endfunction()

retort_cell_test(limits_test ALONE)
retort_cell_test(isolation_test)
retort_cell_test(streams_test ALONE)
retort_cell_test(many_test ALONE)
retort_cell_test(collect_test)
retort_cell_test(bundling_test)
retort_cell_test(job_test)
retort_cell_test(interactive_test)
