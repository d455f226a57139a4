# SPDX-License-Identifier: MIT
# Every way of consuming must, each by a project of its own in consume/ that builds the quickstart and runs it.
set(quickstart "${PROJECT_SOURCE_DIR}/examples/quickstart.cpp")
set(expected "${PROJECT_SOURCE_DIR}/examples/quickstart.output")
set(consumed "${CMAKE_CURRENT_BINARY_DIR}/consume")
set(prefix "${consumed}/prefix")
set(compare "${CMAKE_CURRENT_SOURCE_DIR}/cmake/scripts/compare_output.cmake")
set(compiler "-DCMAKE_CXX_COMPILER=${CMAKE_CXX_COMPILER}" "-DCMAKE_CXX_FLAGS=${CMAKE_CXX_FLAGS}"
  "-DCMAKE_CXX_COMPILER_LAUNCHER=${CMAKE_CXX_COMPILER_LAUNCHER}")

# must_consumer(<name> <folder> <fixture> [<option>...]): configures, builds and runs consume/<folder>.
function(must_consumer name folder fixture)
  set(binary "${consumed}/${name}")
  add_test(NAME "consume: ${name}" COMMAND "${CMAKE_CTEST_COMMAND}"
    --build-and-test "${CMAKE_CURRENT_SOURCE_DIR}/consume/${folder}" "${binary}"
    --build-generator "${CMAKE_GENERATOR}" --build-options ${compiler} "-DQUICKSTART=${quickstart}" ${ARGN}
    --test-command "${CMAKE_COMMAND}" -D "program=${binary}/consumer" -D "expected=${expected}" -P "${compare}")
  set_tests_properties("consume: ${name}" PROPERTIES LABELS consume FIXTURES_REQUIRED "${fixture}")
endfunction()

# must_refused_consumer(<name> <folder> <regex> [<option>...]): configuring consume/<folder> fails and says <regex>.
function(must_refused_consumer name folder regex)
  add_test(NAME "consume: ${name}" COMMAND "${CMAKE_COMMAND}" --fresh -G "${CMAKE_GENERATOR}"
    -S "${CMAKE_CURRENT_SOURCE_DIR}/consume/${folder}" -B "${consumed}/${name}" ${compiler} "-Dmust_ROOT=${prefix}"
    "-DQUICKSTART=${quickstart}" ${ARGN})
  set_tests_properties("consume: ${name}" PROPERTIES LABELS consume FIXTURES_REQUIRED must_prefix
    PASS_REGULAR_EXPRESSION "${regex}")
endfunction()

# The include folder alone, without CMake.
separate_arguments(flags NATIVE_COMMAND "${CMAKE_CXX_FLAGS}")
set(json_includes "$<TARGET_PROPERTY:nlohmann_json::nlohmann_json,INTERFACE_INCLUDE_DIRECTORIES>")
add_test(NAME "consume: include folder" COMMAND ${CMAKE_CXX_COMPILER} ${flags} "${CMAKE_CXX20_STANDARD_COMPILE_OPTION}"
  "-I${PROJECT_SOURCE_DIR}/include" "$<$<BOOL:${json_includes}>:-I$<JOIN:${json_includes},;-I>>"
  "${quickstart}" -o "${consumed}/include_folder" COMMAND_EXPAND_LISTS)
add_test(NAME "consume: include folder, run" COMMAND "${CMAKE_COMMAND}"
  -D "program=${consumed}/include_folder" -D "expected=${expected}" -P "${compare}")
file(MAKE_DIRECTORY "${consumed}")
set_tests_properties("consume: include folder" PROPERTIES LABELS consume FIXTURES_SETUP must_include_folder)
set_tests_properties("consume: include folder, run" PROPERTIES LABELS consume FIXTURES_REQUIRED must_include_folder)

# add_subdirectory, in a project with every warning on; and two libraries of one program that set must up differently.
must_consumer(add_subdirectory add_subdirectory "" "-DMUST_SOURCE_DIR=${PROJECT_SOURCE_DIR}")
must_consumer(two_libraries two_libraries "" "-DMUST_SOURCE_DIR=${PROJECT_SOURCE_DIR}")

# A component that must was not told of: found by the project, or refused with a sentence; and what CMake 4 thinks of it.
if("sqlite" IN_LIST must_components)
  must_consumer(found_before not_looked_for "" "-DMUST_SOURCE_DIR=${PROJECT_SOURCE_DIR}" -DCOMPONENT=sqlite
    -DFOUND_BEFORE=SQLite3)
  set(tools "${CMAKE_CURRENT_SOURCE_DIR}/tools")
  add_test(NAME "consume: CMake 4 has nothing to warn of" COMMAND "${tools}/cmake4.sh" try
    "${CMAKE_CURRENT_SOURCE_DIR}/consume/not_looked_for" "${consumed}/cmake4" -G "${CMAKE_GENERATOR}" ${compiler}
    "-DQUICKSTART=${quickstart}" "-DMUST_SOURCE_DIR=${PROJECT_SOURCE_DIR}" -DCOMPONENT=sqlite -DFOUND_BEFORE=SQLite3)

  # What the recipe for Conan packages; and the core and SQLite, without RTTI, against musl and against libc++ 19.
  add_test(NAME "consume: Conan" COMMAND "${tools}/conan.sh" try "${PROJECT_SOURCE_DIR}" "${consumed}/conan"
    "${CMAKE_CTEST_COMMAND}" --build-and-test "${CMAKE_CURRENT_SOURCE_DIR}/consume/components" "${consumed}/conan_consumer"
    --build-generator "${CMAKE_GENERATOR}" --build-options ${compiler} "-DQUICKSTART=${quickstart}" -DCOMPONENTS=sqlite
    "-DCMAKE_PREFIX_PATH=${consumed}/conan" -DCMAKE_BUILD_TYPE=Release -DCMAKE_CXX_STANDARD=20
    --test-command "${CMAKE_COMMAND}" -D "program=${consumed}/conan_consumer/consumer" -D "expected=${expected}"
    -P "${compare}")
  add_test(NAME "consume: musl, without RTTI" COMMAND "${tools}/musl.sh" try "${PROJECT_SOURCE_DIR}" "${consumed}/musl")
  set_tests_properties("consume: CMake 4 has nothing to warn of" "consume: Conan" "consume: musl, without RTTI" PROPERTIES
    LABELS "consume;servers" SKIP_RETURN_CODE 77 TIMEOUT 1800)
  find_program(MUST_CLANG_19 clang++-19)
  mark_as_advanced(MUST_CLANG_19)
  if(MUST_CLANG_19)
    add_test(NAME "consume: libc++ 19, without RTTI" COMMAND sh -ec "
      if ! echo '#include <version>' | '${MUST_CLANG_19}' -stdlib=libc++ -E -x c++ - >/dev/null 2>&1; then
        echo 'skipped: libc++ is not installed for clang 19'
        exit 77
      fi
      '${MUST_CLANG_19}' -stdlib=libc++ -fexperimental-library -fno-rtti -std=c++20 -Wall -Wextra -Werror \
        '-I${PROJECT_SOURCE_DIR}/include' '${CMAKE_CURRENT_SOURCE_DIR}/consume/plain/main.cpp' -lsqlite3 -lpthread \
        -o '${consumed}/libcxx'
      '${consumed}/libcxx'")
    set_tests_properties("consume: libc++ 19, without RTTI" PROPERTIES LABELS "consume;servers" SKIP_RETURN_CODE 77 TIMEOUT 1800)
  endif()
endif()

# FetchContent, from a repository that holds what this checkout holds.
find_package(Git QUIET)
if(Git_FOUND)
  set(repository "${consumed}/repository")
  add_test(NAME "consume: make a repository" COMMAND "${CMAKE_COMMAND}" -D "git=${GIT_EXECUTABLE}"
    -D "from=${PROJECT_SOURCE_DIR}" -D "to=${repository}" -D "clones=${consumed}/fetch_content"
    -P "${CMAKE_CURRENT_SOURCE_DIR}/cmake/scripts/make_repository.cmake")
  set_tests_properties("consume: make a repository" PROPERTIES LABELS consume FIXTURES_SETUP must_repository)
  must_consumer(fetch_content fetch_content must_repository "-DMUST_URL=file://${repository}" -DFETCHED=ON)
else()
  must_skip("consume: fetch_content, and the ways of the README" consume git "git was not found")
endif()

# must_readme_way(<way> <fixture>...): what the README says, letter by letter.
function(must_readme_way way)
  add_test(NAME "consume: README, ${way}" COMMAND "${CMAKE_COMMAND}" -E env "CXX=${CMAKE_CXX_COMPILER}"
    "CXXFLAGS=${CMAKE_CXX_FLAGS}" "CMAKE_CXX_COMPILER_LAUNCHER=${CMAKE_CXX_COMPILER_LAUNCHER}"
    "${CMAKE_COMMAND}" -D "root=${PROJECT_SOURCE_DIR}" -D way=${way} -D "scratch=${consumed}/readme_${way}"
    -D "repository=${repository}" -D "installed=${consumed}/vcpkg_installed"
    -P "${CMAKE_CURRENT_SOURCE_DIR}/cmake/scripts/readme_install.cmake")
  set_tests_properties("consume: README, ${way}" PROPERTIES LABELS consume FIXTURES_REQUIRED "${ARGN}")
endfunction()
if(Git_FOUND)
  must_readme_way(include_folder must_repository)
  must_readme_way(fetch_content must_repository)
  must_readme_way(vcpkg must_repository must_port)
endif()

# From what the vcpkg port of this checkout installs.
set(port "${PROJECT_SOURCE_DIR}/cmake/vcpkg/must")
add_test(NAME "vcpkg: the manifest is valid and formatted" COMMAND "${CMAKE_COMMAND}" -D "manifest=${port}/vcpkg.json"
  -D version=${MUST_VERSION} -P "${CMAKE_CURRENT_SOURCE_DIR}/cmake/scripts/vcpkg_manifest.cmake")
add_test(NAME "vcpkg: the port installs what vcpkg accepts" COMMAND "${CMAKE_COMMAND}" -D "port=${port}"
  -D version=${MUST_VERSION} -D "work=${consumed}/vcpkg_port" -D "installed=${consumed}/vcpkg_installed"
  -D "generator=${CMAKE_GENERATOR}" -D "compiler=${CMAKE_CXX_COMPILER}"
  -P "${CMAKE_CURRENT_SOURCE_DIR}/cmake/scripts/vcpkg_port.cmake")
set_tests_properties("vcpkg: the manifest is valid and formatted" PROPERTIES LABELS consume)
set_tests_properties("vcpkg: the port installs what vcpkg accepts" PROPERTIES LABELS consume FIXTURES_SETUP must_port)
if("json;sqlite;postgres;avro;s3" STREQUAL "${must_components}")
  must_consumer(vcpkg vcpkg must_port "-Dmust_ROOT=${consumed}/vcpkg_installed")
else()
  must_skip("consume: vcpkg" consume "" "MUST_COMPONENTS does not name every component")
endif()

if(NOT MUST_INSTALL)
  return()
endif()

# From a fresh install prefix.
add_test(NAME "consume: remove the prefix" COMMAND "${CMAKE_COMMAND}" -E rm -rf "${prefix}")
add_test(NAME "consume: install" COMMAND "${CMAKE_COMMAND}" --install "${PROJECT_BINARY_DIR}" --prefix "${prefix}")
set_tests_properties("consume: remove the prefix" PROPERTIES LABELS consume FIXTURES_SETUP must_clean_prefix)
set_tests_properties("consume: install" PROPERTIES LABELS consume
  FIXTURES_REQUIRED must_clean_prefix FIXTURES_SETUP must_prefix)

find_program(MUST_PKG_CONFIG pkg-config)
mark_as_advanced(MUST_PKG_CONFIG)
if(MUST_PKG_CONFIG AND "json" IN_LIST must_components)
  list(JOIN must_components " " names_of_components)
  add_test(NAME "consume: pkg-config" COMMAND sh -ec "
    export PKG_CONFIG_PATH='${prefix}/${must_pc_dir}':$PKG_CONFIG_PATH
    for component in ${names_of_components}; do '${MUST_PKG_CONFIG}' --exists must-$component; done
    test \"$('${MUST_PKG_CONFIG}' --modversion must)\" = ${MUST_VERSION}
    '${CMAKE_CXX_COMPILER}' ${CMAKE_CXX_FLAGS} -std=c++20 '${quickstart}' -o '${consumed}/pkg_config' \
      $('${MUST_PKG_CONFIG}' --cflags --libs must-json)
    '${CMAKE_COMMAND}' -D 'program=${consumed}/pkg_config' -D 'expected=${expected}' -P '${compare}'")
  set_tests_properties("consume: pkg-config" PROPERTIES LABELS consume FIXTURES_REQUIRED must_prefix)
endif()
must_consumer(find_package find_package must_prefix "-Dmust_ROOT=${prefix}")
must_consumer(fetch_content_installed fetch_content must_prefix
  "-Dmust_ROOT=${prefix}" -DMUST_URL=file:///nowhere -DFETCHED=OFF)
foreach(component IN LISTS must_components)
  must_consumer(component_${component} components must_prefix "-Dmust_ROOT=${prefix}" -DCOMPONENTS=${component})
  set(needs "${must_component_needs}")
  string(REGEX MATCH "must_${component}_needs ([A-Za-z0-9_]+)" match "${needs}")
  must_refused_consumer("no_${CMAKE_MATCH_1}" components
    "component '${component}' needs the package ${CMAKE_MATCH_1}, which was not found"
    -DCOMPONENTS=${component} -DCMAKE_DISABLE_FIND_PACKAGE_${CMAKE_MATCH_1}=ON)
endforeach()
must_refused_consumer(unknown_component components "must has no component 'carrier_pigeon', only: json"
  -DCOMPONENTS=carrier_pigeon)
must_refused_consumer(not_looked_for not_looked_for "must::sqlite needs the package SQLite3 and nobody has looked for it"
  "-DMUST_SOURCE_DIR=${PROJECT_SOURCE_DIR}" -DCOMPONENT=sqlite)
must_refused_consumer(two_versions two_versions "The INTERFACE_MUST_VERSION property of")
