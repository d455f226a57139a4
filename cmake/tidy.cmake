# SPDX-License-Identifier: MIT
# `format`: clang-format 19 finds nothing to change in any source. `tidy`: that, and clang-tidy 19, by .clang-tidy: what
# a header includes can be judged only when it is the main file, so that check, and the compiler, run on each alone; all
# others on one file that includes every header. Most templates can be judged only where they are used: in the examples,
# which may end by an exception, and without the analyzer, which takes longer than all else together. With
# MUST_TIDY_SINCE, a commit, clang-tidy looks at the headers and examples alone that have changed since, and at the file
# that includes every header; at all again if what it looks for has changed.
find_program(MUST_CLANG_FORMAT clang-format-19)
find_program(MUST_CLANG_TIDY clang-tidy-19)
mark_as_advanced(MUST_CLANG_FORMAT MUST_CLANG_TIDY)
if(NOT MUST_CLANG_FORMAT OR NOT MUST_CLANG_TIDY)
  return()
endif()

file(GLOB_RECURSE sources CONFIGURE_DEPENDS include/*.hpp examples/*.[ch]pp tests/*.[ch]pp)
add_custom_target(format COMMAND "${MUST_CLANG_FORMAT}" --dry-run -Werror ${sources}
  COMMENT "clang-format: nothing to change" VERBATIM)

set(MUST_TIDY_SINCE "" CACHE STRING "The commit since which a header or an example must have changed to be tidied")
if(MUST_TIDY_SINCE)
  find_package(Git REQUIRED)
  execute_process(COMMAND "${GIT_EXECUTABLE}" diff --name-only "${MUST_TIDY_SINCE}" -- .clang-tidy cmake include examples
    WORKING_DIRECTORY "${PROJECT_SOURCE_DIR}" OUTPUT_VARIABLE changed COMMAND_ERROR_IS_FATAL ANY)
  string(REGEX REPLACE "\n" ";" changed "${changed}")
endif()

# must_is_tidied(<variable> <file>): whether it has to be looked at.
function(must_is_tidied variable file)
  cmake_path(RELATIVE_PATH file BASE_DIRECTORY "${PROJECT_SOURCE_DIR}")
  if(MUST_TIDY_SINCE AND NOT file IN_LIST changed AND NOT changed MATCHES "\\.clang-tidy|cmake/tidy\\.cmake")
    set(${variable} FALSE PARENT_SCOPE)
  else()
    set(${variable} TRUE PARENT_SCOPE)
  endif()
endfunction()

set(folder "${PROJECT_BINARY_DIR}/tidy")
get_target_property(warnings must_dev INTERFACE_COMPILE_OPTIONS)
set(flags -std=c++20 ${warnings} "-I${PROJECT_SOURCE_DIR}/include")
foreach(target IN LISTS must_component_targets)
  get_target_property(needed ${target} MUST_NEEDED)
  get_target_property(folders ${needed} INTERFACE_INCLUDE_DIRECTORIES)
  if(folders)
    list(TRANSFORM folders REPLACE "^\\$<BUILD_INTERFACE:(.*)>$" "\\1")
    list(TRANSFORM folders PREPEND "-I")
    list(APPEND flags ${folders})
  endif()
endforeach()
set(config "${PROJECT_SOURCE_DIR}/.clang-tidy")
set(command "${MUST_CLANG_TIDY}" --quiet "--config-file=${config}")
set(stamps "")
set(all "")
set(headers_of_all "")
foreach(target IN ITEMS must ${must_component_targets})
  get_target_property(headers ${target} HEADER_SET)
  list(APPEND headers_of_all ${headers})
  foreach(header IN LISTS headers)
    cmake_path(RELATIVE_PATH header BASE_DIRECTORY "${PROJECT_SOURCE_DIR}/include" OUTPUT_VARIABLE name)
    string(APPEND all "#include \"${name}\"\n")
    must_is_tidied(is_tidied "${header}")
    if(NOT is_tidied)
      continue()
    endif()
    set(stamp "${folder}/${name}.stamp")
    cmake_path(GET stamp PARENT_PATH parent)
    file(MAKE_DIRECTORY "${parent}")
    add_custom_command(OUTPUT "${stamp}" DEPENDS "${header}" "${config}"
      COMMAND ${command} "--checks=-*,misc-include-cleaner,clang-diagnostic-*" "${header}" -- -xc++-header ${flags}
      COMMAND "${CMAKE_COMMAND}" -E touch "${stamp}"
      COMMENT "clang-tidy: ${name}" VERBATIM COMMAND_EXPAND_LISTS)
    list(APPEND stamps "${stamp}")
  endforeach()
endforeach()
file(CONFIGURE OUTPUT "${folder}/all.cpp" CONTENT "@all@" @ONLY)
file(GLOB examples CONFIGURE_DEPENDS examples/*.cpp examples/*/main.cpp)
foreach(source IN LISTS examples ITEMS "${folder}/all.cpp")
  must_is_tidied(is_tidied "${source}")
  if(NOT is_tidied AND source IN_LIST examples)
    continue()
  endif()
  set(not_checked -misc-include-cleaner)
  if(source IN_LIST examples)
    string(APPEND not_checked ",-bugprone-exception-escape,-clang-analyzer-*")
  endif()
  cmake_path(RELATIVE_PATH source BASE_DIRECTORY "${PROJECT_SOURCE_DIR}" OUTPUT_VARIABLE name)
  string(MAKE_C_IDENTIFIER "${name}" stamp)
  set(stamp "${folder}/${stamp}.stamp")
  add_custom_command(OUTPUT "${stamp}" DEPENDS "${source}" "${config}" ${headers_of_all}
    COMMAND ${command} "--checks=${not_checked}" "${source}" -- ${flags}
    COMMAND "${CMAKE_COMMAND}" -E touch "${stamp}"
    COMMENT "clang-tidy: ${name}" VERBATIM COMMAND_EXPAND_LISTS)
  list(APPEND stamps "${stamp}")
endforeach()
add_custom_target(tidy DEPENDS ${stamps})
add_dependencies(tidy format)
