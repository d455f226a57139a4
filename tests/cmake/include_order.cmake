# SPDX-License-Identifier: MIT
# The includes of must go one way. See scripts/include_order.cmake. The others show that it finds what it looks for.
function(must_include_order test folder)
  add_test(NAME "include_order: ${test}" COMMAND "${CMAKE_COMMAND}" -D "include=${folder}"
    -P "${CMAKE_CURRENT_SOURCE_DIR}/cmake/scripts/include_order.cmake")
  set_tests_properties("include_order: ${test}" PROPERTIES LABELS headers)
endfunction()
must_include_order("no header goes up, and none goes round" "${PROJECT_SOURCE_DIR}/include")

set(wrong "${CMAKE_CURRENT_BINARY_DIR}/include_order")
file(WRITE "${wrong}/up/must/storage/kit/low.hpp" "#include \"must/subscription.hpp\"\n")
file(WRITE "${wrong}/up/must/subscription.hpp" "#pragma once\n")
file(WRITE "${wrong}/round/must/record.hpp" "#include \"must/query.hpp\"\n")
file(WRITE "${wrong}/round/must/query.hpp" "#include \"must/text/uri.hpp\"\n")
file(WRITE "${wrong}/round/must/text/uri.hpp" "#include \"must/record.hpp\"\n")
file(WRITE "${wrong}/unknown/must/carrier_pigeon.hpp" "#pragma once\n")
must_include_order("a header that goes up is found" "${wrong}/up")
must_include_order("headers that go round are found" "${wrong}/round")
must_include_order("a header on no level is found" "${wrong}/unknown")
set_tests_properties("include_order: a header that goes up is found" PROPERTIES
  PASS_REGULAR_EXPRESSION "must/storage/kit/low.hpp goes up to must/subscription.hpp")
set_tests_properties("include_order: headers that go round are found" PROPERTIES
  PASS_REGULAR_EXPRESSION "go round, or reach what does: query.hpp[ \n]+record.hpp[ \n]+text/uri.hpp")
set_tests_properties("include_order: a header on no level is found" PROPERTIES
  PASS_REGULAR_EXPRESSION "must/carrier_pigeon.hpp stands on no level")
