# The attack corpus: its table goes into retort (for `retort selftest`), its programs into retort-attacks, which is what
# runs in the cells. Static, so that it runs in any image; no sanitizer, since it is what is contained.
file(GLOB RETORT_ATTACKS CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/attacks/[a-z][0-9]*.cc)
set(RETORT_ATTACK_FOLDERS ${CMAKE_SOURCE_DIR}/tests ${CMAKE_SOURCE_DIR}/src ${CMAKE_BINARY_DIR}/generated)
set_source_files_properties(tests/attacks/f23_sweep.cc PROPERTIES OBJECT_DEPENDS ${RETORT_CALLS})
add_library(retort_attacks_corpus OBJECT ${RETORT_ATTACKS} tests/attacks/tools.cc src/cell/filter_rules.cc)
target_include_directories(retort_attacks_corpus PRIVATE ${RETORT_ATTACK_FOLDERS})
target_link_libraries(retort_attacks_corpus PRIVATE retort_flags)

add_executable(retort-attacks tests/attacks/main.cc ${RETORT_ATTACKS} tests/attacks/tools.cc
                              src/selftest/neighbour.cc src/cell/filter_rules.cc)
target_include_directories(retort-attacks PRIVATE ${RETORT_ATTACK_FOLDERS})
set_target_properties(retort-attacks PROPERTIES COMPILE_OPTIONS "" LINK_OPTIONS "-static;-s")
target_link_libraries(retort-attacks PRIVATE retort_flags)

# One test for each class of the catalogue; alone, since neighbours are timed and many limits are a few milliseconds.
foreach(class A B C D E F G H K L)
  add_test(NAME attacks.${class} COMMAND retort selftest ${class})
  set_tests_properties(attacks.${class} PROPERTIES LABELS attacks RUN_SERIAL TRUE TIMEOUT 600)
endforeach()
