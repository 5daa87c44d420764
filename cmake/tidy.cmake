# `ninja tidy`: clang-tidy over every source file of ours, each looked at again only when it, or something that it
# includes, or the settings have changed. A file's object knows what the file includes, so its mark depends on that.
file(GLOB tidy_settings .clang-tidy src/*/.clang-tidy tests/*/.clang-tidy)

set(tidy_marks)
get_property(targets DIRECTORY ${CMAKE_SOURCE_DIR} PROPERTY BUILDSYSTEM_TARGETS)
foreach(target ${targets})
  get_target_property(type ${target} TYPE)
  if(NOT type MATCHES "EXECUTABLE|STATIC_LIBRARY|OBJECT_LIBRARY")
    continue()
  endif()
  get_target_property(sources ${target} SOURCES)
  foreach(source ${sources})
    cmake_path(ABSOLUTE_PATH source BASE_DIRECTORY ${CMAKE_SOURCE_DIR} NORMALIZE)
    cmake_path(IS_PREFIX CMAKE_BINARY_DIR ${source} generated)
    if(generated OR NOT source MATCHES "\\.cc$")
      continue()
    endif()
    cmake_path(RELATIVE_PATH source BASE_DIRECTORY ${CMAKE_SOURCE_DIR} OUTPUT_VARIABLE name)
    set(mark ${CMAKE_BINARY_DIR}/tidy/${name}.mark)
    if(mark IN_LIST tidy_marks)
      continue() # a file of two targets is looked at once
    endif()
    get_filename_component(folder ${mark} DIRECTORY)
    add_custom_command(
      OUTPUT ${mark}
      # Without carets the compiler does not count aloud what it found in the headers of others.
      COMMAND clang-tidy-19 --quiet --extra-arg=-fno-caret-diagnostics -p ${CMAKE_BINARY_DIR} ${source}
      COMMAND ${CMAKE_COMMAND} -E make_directory ${folder}
      COMMAND ${CMAKE_COMMAND} -E touch ${mark}
      DEPENDS ${CMAKE_BINARY_DIR}/CMakeFiles/${target}.dir/${name}.o ${tidy_settings}
      COMMENT "clang-tidy ${name}"
      VERBATIM)
    list(APPEND tidy_marks ${mark})
  endforeach()
endforeach()
add_custom_target(tidy DEPENDS ${tidy_marks})
