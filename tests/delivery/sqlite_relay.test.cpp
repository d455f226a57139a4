// SPDX-License-Identifier: MIT
#include "stores/sqlite.hpp"
#include "support/inbox.hpp"

TEMPLATE_TEST_CASE("relay: the delivery suite holds on sqlite_store", "[delivery][race]", must_test::inbox,
                   must_test::bus_inbox, must_test::stage_inbox) {
  must_test::check_delivery<must_test::sqlite_fixture, TestType>();
}
