# The system-call filters: a program built from the table in src/cell/filter_rules.cc writes them as C++ arrays.
add_executable(make-filters src/cell/filter_compiler.cc src/cell/filter_page.cc src/cell/filter_rules.cc
                            src/cell/own_filter_rules.cc src/cell/filter_relaxations.cc)
target_include_directories(make-filters PRIVATE src)
target_link_libraries(make-filters PRIVATE retort_flags PkgConfig::SECCOMP)
set(RETORT_FILTERS ${CMAKE_BINARY_DIR}/generated/cell/filters.inc)
file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/generated/cell)
add_custom_command(OUTPUT ${RETORT_FILTERS} COMMAND make-filters ${RETORT_FILTERS}
                           $<IF:$<BOOL:${RETORT_WEAKENED}>,weak,$<$<BOOL:${RETORT_SANITIZE}>:lenient>> DEPENDS make-filters
                   COMMENT "Compiling the system-call filters")

# The numbers of the calls that the table names, for the attack that tries them all.
set(RETORT_CALLS ${CMAKE_BINARY_DIR}/generated/cell/calls.inc)
add_custom_command(OUTPUT ${RETORT_CALLS} COMMAND make-filters --calls ${RETORT_CALLS} DEPENDS make-filters
                   COMMENT "Numbering the system calls")
