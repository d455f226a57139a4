# SPDX-License-Identifier: MIT
# Every way of consuming must, each by a project of its own in consume/ that builds the quickstart and runs it.
set(quickstart "${PROJECT_SOURCE_DIR}/examples/quickstart.cpp")
set(prefix "${CMAKE_CURRENT_BINARY_DIR}/consume/prefix")
set(compare "${CMAKE_CURRENT_SOURCE_DIR}/support/compare_output.cmake")

# must_consumer(<folder> [<option>...]): configures, builds and runs consume/<folder>.
function(must_consumer folder)
  set(binary "${CMAKE_CURRENT_BINARY_DIR}/consume/${folder}")
  add_test(NAME "consume: ${folder}" COMMAND "${CMAKE_CTEST_COMMAND}"
    --build-and-test "${CMAKE_CURRENT_SOURCE_DIR}/consume/${folder}" "${binary}"
    --build-generator "${CMAKE_GENERATOR}"
    --build-options "-DCMAKE_CXX_COMPILER=${CMAKE_CXX_COMPILER}" "-DCMAKE_CXX_FLAGS=${CMAKE_CXX_FLAGS}"
    "-DCMAKE_CXX_COMPILER_LAUNCHER=${CMAKE_CXX_COMPILER_LAUNCHER}" "-DQUICKSTART=${quickstart}" ${ARGN}
    --test-command "${CMAKE_COMMAND}" -D "program=${binary}/consumer"
    -D "expected=${PROJECT_SOURCE_DIR}/examples/quickstart.output" -P "${compare}")
  set_tests_properties("consume: ${folder}" PROPERTIES LABELS consume)
endfunction()

# must_refused_consumer(<name> <regex> [<option>...]): configuring consume/components fails and says <regex>.
function(must_refused_consumer name regex)
  add_test(NAME "consume: ${name}" COMMAND "${CMAKE_COMMAND}" --fresh -G "${CMAKE_GENERATOR}"
    -S "${CMAKE_CURRENT_SOURCE_DIR}/consume/components" -B "${CMAKE_CURRENT_BINARY_DIR}/consume/${name}"
    "-DCMAKE_CXX_COMPILER=${CMAKE_CXX_COMPILER}" "-DQUICKSTART=${quickstart}" "-Dmust_ROOT=${prefix}" ${ARGN})
  set_tests_properties("consume: ${name}" PROPERTIES LABELS consume FIXTURES_REQUIRED must_prefix
    PASS_REGULAR_EXPRESSION "${regex}")
endfunction()

must_consumer(fetch_content "-DFETCHCONTENT_SOURCE_DIR_MUST=${PROJECT_SOURCE_DIR}")
must_consumer(add_subdirectory "-DMUST_SOURCE_DIR=${PROJECT_SOURCE_DIR}")

# The include folder alone, without CMake.
separate_arguments(flags NATIVE_COMMAND "${CMAKE_CXX_FLAGS}")
set(json_includes "$<TARGET_PROPERTY:nlohmann_json::nlohmann_json,INTERFACE_INCLUDE_DIRECTORIES>")
add_test(NAME "consume: include folder" COMMAND ${CMAKE_CXX_COMPILER} ${flags} "${CMAKE_CXX20_STANDARD_COMPILE_OPTION}"
  "-I${PROJECT_SOURCE_DIR}/include" "$<$<BOOL:${json_includes}>:-I$<JOIN:${json_includes},;-I>>"
  "${quickstart}" -o "${CMAKE_CURRENT_BINARY_DIR}/consume/include_folder" COMMAND_EXPAND_LISTS)
add_test(NAME "consume: include folder, run" COMMAND "${CMAKE_COMMAND}"
  -D "program=${CMAKE_CURRENT_BINARY_DIR}/consume/include_folder"
  -D "expected=${PROJECT_SOURCE_DIR}/examples/quickstart.output" -P "${compare}")
file(MAKE_DIRECTORY "${CMAKE_CURRENT_BINARY_DIR}/consume")
set_tests_properties("consume: include folder" PROPERTIES LABELS consume FIXTURES_SETUP must_include_folder)
set_tests_properties("consume: include folder, run" PROPERTIES LABELS consume FIXTURES_REQUIRED must_include_folder)

# From a fresh install prefix.
if(MUST_INSTALL)
  add_test(NAME "consume: remove the prefix" COMMAND "${CMAKE_COMMAND}" -E rm -rf "${prefix}")
  add_test(NAME "consume: install" COMMAND "${CMAKE_COMMAND}" --install "${PROJECT_BINARY_DIR}" --prefix "${prefix}")
  set_tests_properties("consume: remove the prefix" PROPERTIES LABELS consume FIXTURES_SETUP must_clean_prefix)
  set_tests_properties("consume: install" PROPERTIES LABELS consume
    FIXTURES_REQUIRED must_clean_prefix FIXTURES_SETUP must_prefix)

  must_consumer(find_package "-Dmust_ROOT=${prefix}")
  must_consumer(components "-Dmust_ROOT=${prefix}" -DCOMPONENTS=json)
  set_tests_properties("consume: find_package" "consume: components" PROPERTIES FIXTURES_REQUIRED must_prefix)

  must_refused_consumer("a dependency that is not there"
    "component 'json' needs the package nlohmann_json, which was not found"
    -DCOMPONENTS=json -DCMAKE_DISABLE_FIND_PACKAGE_nlohmann_json=ON)
  must_refused_consumer("an unknown component" "must has no component 'carrier_pigeon', only: json"
    -DCOMPONENTS=carrier_pigeon)
endif()
