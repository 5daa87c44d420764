# Layers: each folder of src/ is a library that links only libraries above it in this list.
# tests/style/layers_test.py reads the same list and checks the #include lines.
set(RETORT_LAYERS base kernel cell keeper text runtime job store async http api selftest cli)

# retort_layer(NAME SOURCES … [DEPENDS layer …] [LIBRARIES …] [TESTS …])
# DEPENDS names layers; LIBRARIES names third parties, which stay private to the layer.
function(retort_layer name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPENDS;LIBRARIES;TESTS" ${ARGN})
  list(FIND RETORT_LAYERS ${name} place)
  if(place EQUAL -1)
    message(FATAL_ERROR "layering: ${name} is not in RETORT_LAYERS (cmake/layers.cmake)")
  endif()
  list(TRANSFORM ARG_SOURCES PREPEND ${CMAKE_SOURCE_DIR}/src/${name}/)
  add_library(retort_${name} STATIC ${ARG_SOURCES})
  target_include_directories(retort_${name} PUBLIC ${CMAKE_SOURCE_DIR}/src)
  target_link_libraries(retort_${name} PRIVATE retort_flags ${ARG_LIBRARIES})
  foreach(dependency ${ARG_DEPENDS})
    list(FIND RETORT_LAYERS ${dependency} dependency_place)
    if(dependency_place EQUAL -1 OR NOT dependency_place LESS place)
      message(FATAL_ERROR "layering: ${name} may not depend on ${dependency}: it is not above it")
    endif()
    target_link_libraries(retort_${name} PUBLIC retort_${dependency})
  endforeach()
  foreach(test ${ARG_TESTS})
    get_filename_component(stem ${test} NAME_WE)
    add_executable(${name}_${stem} ${CMAKE_SOURCE_DIR}/src/${name}/${test})
    target_link_libraries(${name}_${stem} PRIVATE retort_flags retort_${name} ${ARG_LIBRARIES}
                                                  GTest::gtest_main)
    gtest_discover_tests(${name}_${stem} TEST_PREFIX "unit.${name}." PROPERTIES LABELS unit
                         DISCOVERY_MODE PRE_TEST)
  endforeach()
endfunction()
