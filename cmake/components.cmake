# SPDX-License-Identifier: MIT
# The targets that users link: must::must, and one more for each component that needs something else than C++20.
include(GNUInstallDirs)
if(PROJECT_IS_TOP_LEVEL)
  set(must_glob CONFIGURE_DEPENDS)
endif()
file(GLOB_RECURSE must_core_headers ${must_glob} "${PROJECT_SOURCE_DIR}/include/must/*.hpp")
set(must_all_components "")     # as users name them: json ...
set(must_components "")         # those that MUST_COMPONENTS names
set(must_component_targets "")  # those, as they are called here: must_json ...
set(must_component_needs "")    # for must-config.cmake: "set(must_json_needs nlohmann_json)" ...

# must_target(<target> <name> <header>...): the interface library must::<name>, alone in its export set.
function(must_target target name)
  add_library(${target} INTERFACE)
  add_library(must::${name} ALIAS ${target})
  set_target_properties(${target} PROPERTIES EXPORT_NAME ${name})
  target_compile_features(${target} INTERFACE cxx_std_20)
  target_include_directories(${target} INTERFACE
    "$<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>"
    "$<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>")
  target_sources(${target} INTERFACE
    FILE_SET HEADERS BASE_DIRS "${PROJECT_SOURCE_DIR}/include" FILES ${ARGN})
endfunction()

# must_component(<name> PACKAGE <package> MODULE <module> TARGETS <target>... HEADERS <header>...): must::<name>, which
# users get by find_package(must COMPONENTS <name>). It links the first of the targets that there is when all is generated, by name, so
# that it is there and installs without <package>; that is looked for when MUST_COMPONENTS names the component. Who links
# it where nobody has looked is told so by CMake, which takes the sentence for the name of a target that is missing.
# <module> is what pkg-config calls the package. Its headers are named from include/must, by globs too.
macro(must_component name)
  cmake_parse_arguments(must_arg "" "PACKAGE;MODULE" "TARGETS;HEADERS" ${ARGN})
  list(TRANSFORM must_arg_HEADERS PREPEND "${PROJECT_SOURCE_DIR}/include/must/")
  file(GLOB must_arg_HEADERS ${must_glob} ${must_arg_HEADERS})
  list(REMOVE_ITEM must_core_headers ${must_arg_HEADERS})
  must_target(must_${name} ${name} ${must_arg_HEADERS})
  list(JOIN MUST_COMPONENTS " " must_wanted)
  string(STRIP "${must_wanted} ${name}" must_wanted)
  set(must_link "$<BUILD_INTERFACE:must::${name} needs the package ${must_arg_PACKAGE} and nobody has looked for it. \
Before must is added write set(MUST_COMPONENTS ${must_wanted}) or find_package(${must_arg_PACKAGE} REQUIRED)>")
  list(REVERSE must_arg_TARGETS)
  foreach(must_target_name IN LISTS must_arg_TARGETS)
    set(must_link "$<IF:$<TARGET_EXISTS:${must_target_name}>,${must_target_name},${must_link}>")
  endforeach()
  target_link_libraries(must_${name} INTERFACE must::must "${must_link}")
  list(APPEND must_all_components ${name})
  set(must_${name}_module ${must_arg_MODULE})
  string(APPEND must_component_needs "set(must_${name}_needs ${must_arg_PACKAGE})\n")
  if(${name} IN_LIST MUST_COMPONENTS)
    must_need(${must_arg_PACKAGE} ${must_arg_TARGETS})
    list(APPEND must_components ${name})
    list(APPEND must_component_targets must_${name})
    foreach(must_target_name IN LISTS must_arg_TARGETS)  # reversed above: the one that is preferred is set last
      if(TARGET ${must_target_name})
        set_target_properties(must_${name} PROPERTIES MUST_NEEDED ${must_target_name})
      endif()
    endforeach()
  else()
    set_target_properties(must_${name} PROPERTIES VERIFY_INTERFACE_HEADER_SETS OFF)
  endif()
endmacro()

must_component(json PACKAGE nlohmann_json MODULE nlohmann_json TARGETS nlohmann_json::nlohmann_json
  HEADERS codec/json*.hpp)
must_component(sqlite PACKAGE SQLite3 MODULE sqlite3 TARGETS SQLite3::SQLite3 SQLite::SQLite3
  HEADERS storage/sqlite.hpp storage/sqlite/*.hpp)
must_component(postgres PACKAGE PostgreSQL MODULE libpq TARGETS PostgreSQL::PostgreSQL
  HEADERS storage/postgres.hpp storage/postgres/*.hpp)
must_component(avro PACKAGE ZLIB MODULE zlib TARGETS ZLIB::ZLIB
  HEADERS avro/deflate.hpp storage/avro.hpp storage/avro/*.hpp storage/avro_import.hpp storage/avro_import/*.hpp)
must_component(s3 PACKAGE CURL MODULE libcurl TARGETS CURL::libcurl
  HEADERS http/*.hpp storage/objects/s3.hpp storage/objects/s3/*.hpp)

must_target(must must ${must_core_headers})
# What links two versions of must publicly does not configure.
set_target_properties(must PROPERTIES INTERFACE_MUST_VERSION ${MUST_VERSION} COMPATIBLE_INTERFACE_STRING MUST_VERSION)
