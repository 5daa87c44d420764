# Fuzz targets: each parser that faces a stranger, with libFuzzer and sanitizers of their own, so that they are there in
# the preset `dev`; the other presets build other programs, not other parsers.
if(RETORT_SANITIZE OR RETORT_WEAKENED OR CMAKE_BUILD_TYPE STREQUAL "Release")
  return()
endif()

set(RETORT_FUZZ_FLAGS -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
    -U_FORTIFY_SOURCE)
set(RETORT_FUZZ_FOLDER ${CMAKE_BINARY_DIR}/fuzz)

# What the targets drive, once more, with their flags.
add_library(retort_fuzzed STATIC
  src/base/bytes.cc src/base/error.cc src/base/units.cc src/kernel/files.cc src/kernel/socket.cc src/cell/bundle.cc
  src/cell/facts.cc src/cell/limits.cc src/cell/verdict.cc src/keeper/frames.cc src/keeper/requests.cc
  src/text/digest.cc src/text/encodings.cc src/text/json.cc src/text/nearest.cc src/text/toml.cc
  src/runtime/catalogue.cc src/runtime/command.cc src/runtime/manifest.cc src/job/output_files.cc src/job/submission.cc
  src/store/cache_entry.cc src/async/task.cc
  src/http/message.cc src/http/request_parser.cc src/http/target.cc src/http/websocket_stream.cc
  src/api/faults.cc src/api/job_request.cc src/api/key_bounds.cc src/api/limit_values.cc src/api/limits_json.cc
  src/api/merge_limits.cc src/api/object_reader.cc src/api/offers.cc src/api/problem.cc src/api/request_limits.cc
  src/api/request_program.cc src/api/request_tests.cc src/api/setting_keys.cc src/api/setting_values.cc
  src/api/settings.cc src/api/settings_check.cc src/api/settings_load.cc src/api/webhook_url.cc)
target_include_directories(retort_fuzzed PUBLIC src tests)
target_compile_options(retort_fuzzed PUBLIC ${RETORT_FUZZ_FLAGS} PRIVATE -fsanitize=fuzzer-no-link)
target_link_libraries(retort_fuzzed PUBLIC Boost::json OpenSSL::Crypto PRIVATE retort_flags)
# Static analysis sees each source once.
set_target_properties(retort_fuzzed PROPERTIES EXPORT_COMPILE_COMMANDS OFF)

# The corpora are seeds: what a run finds new goes to the build folder, and is gone before the next run.
add_test(NAME fuzz COMMAND ${CMAKE_COMMAND} -E rm -rf ${RETORT_FUZZ_FOLDER}/new)
set_tests_properties(fuzz PROPERTIES FIXTURES_SETUP fuzz_folders LABELS fuzz)
file(MAKE_DIRECTORY ${RETORT_FUZZ_FOLDER})

# retort_fuzz_target(NAME LONGEST [folder with more seeds, option …]): tests/fuzz/NAME.cc on inputs of at most LONGEST
# bytes. The options go over those below.
function(retort_fuzz_target name longest)
  add_executable(fuzz_${name} tests/fuzz/${name}.cc)
  target_compile_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
  target_link_options(fuzz_${name} PRIVATE ${RETORT_FUZZ_FLAGS} -fsanitize=fuzzer)
  target_link_libraries(fuzz_${name} PRIVATE retort_flags retort_fuzzed)
  target_compile_definitions(fuzz_${name} PRIVATE RETORT_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
  add_test(NAME fuzz.${name}
           COMMAND fuzz_${name} ${RETORT_FUZZ_FOLDER}/new/${name} ${CMAKE_SOURCE_DIR}/tests/fuzz/corpus/${name}
                   -create_missing_dirs=1 -artifact_prefix=${RETORT_FUZZ_FOLDER}/${name}- -runs=20000 -seed=1
                   -max_len=${longest} -timeout=10 -rss_limit_mb=1024 -malloc_limit_mb=64 ${ARGN}
           WORKING_DIRECTORY ${RETORT_FUZZ_FOLDER})
  set_tests_properties(fuzz.${name} PROPERTIES FIXTURES_REQUIRED fuzz_folders LABELS fuzz TIMEOUT 120)
endfunction()

retort_fuzz_target(frames 1024)
retort_fuzz_target(keeper 4096)
retort_fuzz_target(bundle 2048)
retort_fuzz_target(verdict 128)
retort_fuzz_target(json 1024)
retort_fuzz_target(manifest 4096 ${CMAKE_SOURCE_DIR}/runtimes)
# Each run reads every key a few times: a hundredth of a second.
retort_fuzz_target(settings 2048 -runs=500)
retort_fuzz_target(command 1024)
retort_fuzz_target(cache_entry 256)
retort_fuzz_target(request 1024)
retort_fuzz_target(websocket 512 -runs=5000)
retort_fuzz_target(job_request 2048)

# It writes files, thousands of them.
if(EXISTS /dev/shm)
  set_tests_properties(fuzz.bundle PROPERTIES ENVIRONMENT TMPDIR=/dev/shm)
endif()
