// SPDX-License-Identifier: MIT
#include "stores/postgres.hpp"
#include "support/inbox.hpp"

TEMPLATE_TEST_CASE("relay: the delivery suite holds on postgres_store", "[delivery][race]", must_test::inbox,
                   must_test::bus_inbox, must_test::stage_inbox) {
  if (!must_test::has_postgres()) return;
  must_test::check_delivery<must_test::postgres_fixture, TestType>();
}
