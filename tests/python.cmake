# The tests written in Python, one CTest entry a file: tests/style (the repository itself), tests/e2e (the programs as
# people use them) and, of these, the ones that boot a virtual machine.
function(retort_python_tests folder label)
  file(GLOB files CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/${folder}/test_*.py)
  foreach(file ${files})
    get_filename_component(stem ${file} NAME_WE)
    string(REPLACE "test_" "" name ${stem})
    if(name STREQUAL "vm")
      set(kind vm)
    else()
      set(kind ${label})
    endif()
    add_test(NAME ${label}.${name} COMMAND /usr/bin/python3 -m pytest -q -p no:cacheprovider ${file}
             WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
    # The longest one begins first. Alone is what measures the machine, and what leaves things on it that other tests
    # would take for a cell's.
    set(alone FALSE)
    set(cost 0)
    if(name STREQUAL "load" OR name STREQUAL "weakened")
      set(alone TRUE)
    elseif(name STREQUAL "vm")
      set(cost 1000)
    endif()
    set_tests_properties(${label}.${name} PROPERTIES LABELS ${kind} RUN_SERIAL ${alone} COST ${cost} TIMEOUT 1200
                         ENVIRONMENT "RETORT_BIN=${CMAKE_RUNTIME_OUTPUT_DIRECTORY};PYTHONDONTWRITEBYTECODE=1")
  endforeach()
endfunction()

retort_python_tests(style style)
retort_python_tests(e2e e2e)
retort_python_tests(weakened weakened)
