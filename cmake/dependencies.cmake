# SPDX-License-Identifier: MIT
# must_need(<package> <target>...): makes one of the targets usable, from the project around must, else the system, else
# the network. CMake 4.3 has given SQLite's another name.
# The client libraries of databases, zlib and libcurl come from the system alone.
include(FetchContent)

FetchContent_Declare(nlohmann_json
  GIT_REPOSITORY https://github.com/nlohmann/json.git GIT_TAG v3.11.3 GIT_SHALLOW ON
  FIND_PACKAGE_ARGS 3.10)
FetchContent_Declare(Catch2
  GIT_REPOSITORY https://github.com/catchorg/Catch2.git GIT_TAG v3.7.1 GIT_SHALLOW ON
  FIND_PACKAGE_ARGS)
FetchContent_Declare(benchmark
  GIT_REPOSITORY https://github.com/google/benchmark.git GIT_TAG v1.9.1 GIT_SHALLOW ON
  FIND_PACKAGE_ARGS)

# Read by the packages when they are fetched: what is installed with must is what must needs.
set(JSON_Install ${MUST_INSTALL})
set(CATCH_INSTALL_DOCS OFF)
set(BENCHMARK_ENABLE_TESTING OFF)
set(BENCHMARK_ENABLE_INSTALL OFF)

macro(must_need package)
  set(must_is_there OFF)
  foreach(must_target_name IN ITEMS ${ARGN})
    if(TARGET ${must_target_name})
      set(must_is_there ON)
    endif()
  endforeach()
  if(NOT must_is_there)
    if("${package}" MATCHES "^(SQLite3|PostgreSQL|ZLIB|CURL)$")
      find_package(${package} REQUIRED)
    else()
      FetchContent_MakeAvailable(${package})
    endif()
  endif()
endmacro()
