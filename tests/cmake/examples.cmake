# SPDX-License-Identifier: MIT
# Each example prints examples/<name>.output, byte for byte. Those that run threads are labelled `race`.
if(NOT MUST_BUILD_EXAMPLES)
  return()
endif()
file(GLOB examples CONFIGURE_DEPENDS RELATIVE "${PROJECT_SOURCE_DIR}/examples" "${PROJECT_SOURCE_DIR}/examples/*.cpp"
  "${PROJECT_SOURCE_DIR}/examples/*/main.cpp")
foreach(source IN LISTS examples)
  string(REGEX REPLACE "(/main)?\\.cpp$" "" name "${source}")
  if(NOT TARGET example_${name})
    continue()
  endif()
  add_test(NAME "example: ${name}" COMMAND "${CMAKE_COMMAND}"
    -D "program=$<TARGET_FILE:example_${name}>"
    -D "expected=${PROJECT_SOURCE_DIR}/examples/${name}.output"
    -P "${CMAKE_CURRENT_SOURCE_DIR}/cmake/scripts/compare_output.cmake")
  set_tests_properties("example: ${name}" PROPERTIES LABELS "example;$<TARGET_PROPERTY:example_${name},LABELS>")
endforeach()

# The same program on each store prints the same.
if(TARGET example_bank_account)
  add_test(NAME "example: bank_account on SQLite" COMMAND "${CMAKE_COMMAND}"
    -D "program=$<TARGET_FILE:example_bank_account>"
    -D "arguments=--store;sqlite:${CMAKE_CURRENT_BINARY_DIR}/bank_account.db"
    -D "fresh=${CMAKE_CURRENT_BINARY_DIR}/bank_account.db"
    -D "expected=${PROJECT_SOURCE_DIR}/examples/bank_account.output" -D may_skip=ON
    -P "${CMAKE_CURRENT_SOURCE_DIR}/cmake/scripts/compare_output.cmake")
  add_test(NAME "example: bank_account on Avro" COMMAND "${CMAKE_COMMAND}"
    -D "program=$<TARGET_FILE:example_bank_account>"
    -D "arguments=--store;avro:${CMAKE_CURRENT_BINARY_DIR}/bank_account.avro"
    -D "fresh=${CMAKE_CURRENT_BINARY_DIR}/bank_account.avro"
    -D "expected=${PROJECT_SOURCE_DIR}/examples/bank_account.output" -D may_skip=ON
    -P "${CMAKE_CURRENT_SOURCE_DIR}/cmake/scripts/compare_output.cmake")
  add_executable(with_postgres servers/with_postgres.cpp)
  target_link_libraries(with_postgres PRIVATE must_dev)
  target_include_directories(with_postgres PRIVATE "${CMAKE_CURRENT_SOURCE_DIR}")
  add_test(NAME "example: bank_account on PostgreSQL" COMMAND "${CMAKE_COMMAND}"
    -D "program=$<TARGET_FILE:with_postgres>"
    -D "arguments=$<TARGET_FILE:example_bank_account>;--store;postgres:"
    -D "expected=${PROJECT_SOURCE_DIR}/examples/bank_account.output" -D may_skip=ON
    -P "${CMAKE_CURRENT_SOURCE_DIR}/cmake/scripts/compare_output.cmake")
  add_test(NAME "example: bank_account on S3" COMMAND "${CMAKE_COMMAND}"
    -D "program=${CMAKE_CURRENT_SOURCE_DIR}/servers/parts/with_s3.sh"
    -D "arguments=$<TARGET_FILE:example_bank_account>;--store;s3:"
    -D "printed=${CMAKE_CURRENT_BINARY_DIR}/bank_account_on_s3.printed"
    -D "expected=${PROJECT_SOURCE_DIR}/examples/bank_account.output" -D may_skip=ON
    -P "${CMAKE_CURRENT_SOURCE_DIR}/cmake/scripts/compare_output.cmake")
  set_tests_properties("example: bank_account on S3" PROPERTIES LABELS servers SKIP_REGULAR_EXPRESSION "skipped: ")
  set_tests_properties("example: bank_account on SQLite" "example: bank_account on Avro"
    "example: bank_account on PostgreSQL" PROPERTIES
    LABELS example SKIP_REGULAR_EXPRESSION "skipped: " RESOURCE_LOCK bank_account)
  set_tests_properties("example: bank_account" PROPERTIES RESOURCE_LOCK bank_account)
endif()
