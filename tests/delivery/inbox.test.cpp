// SPDX-License-Identifier: MIT
// Tests that the notes of an inbox can be removed by their age, and that nothing else is.
#include "must/delivery/inbox.hpp"

#include "must/detail/digest.hpp"
#include "must/storage.hpp"

#include "stores/all.hpp"

#include <map>
#include <string>
#include <utility>

EACH_STORE_TEST_CASE(with_transactions, "inbox: notes on each store are removed by their age, and their events are new",
                     "[delivery]") {
  using store_type = typename must::testing::suite::store_of<Store>;
  using transaction = typename store_type::transaction;
  STATIC_REQUIRE(must::CellRemovalStorage<store_type>);
  Store fixture;
  auto& store = fixture.store();
  const typename Store::counts counts(fixture);
  must::inbox mails(store, "mails"), sub_mails(store, "mails/late");
  const auto receive = [&](auto& box, const std::string& name, const std::string& id) {
    return box.receive("/source", id, [&](transaction& in) { counts.add(in, name + id); });
  };
  const auto now = [&] { return store.origin().clock->now(); };
  const auto begun = now();
  CHECK(receive(mails, "a", "1"));
  CHECK(receive(sub_mails, "b", "1"));
  auto later = now();
  while (now().microseconds <= later.microseconds) {}
  later = now();
  CHECK(receive(mails, "a", "2"));

  CHECK(mails.forget_before(begun) == 0);
  CHECK_FALSE(receive(mails, "a", "1"));
  CHECK(mails.forget_before(later) == 1);
  CHECK(receive(mails, "a", "1"));
  CHECK_FALSE(receive(mails, "a", "2"));
  CHECK_FALSE(receive(sub_mails, "b", "1"));
  CHECK(counts.all() == std::map<std::string, int>{{"a1", 2}, {"a2", 1}, {"b1", 1}});
}

EACH_STORE_TEST_CASE(with_transactions,
                     "inbox: notes of an earlier release on each store are known, and age from now on", "[delivery]") {
  using transaction = typename must::testing::suite::store_of<Store>::transaction;
  Store fixture;
  auto& store = fixture.store();
  const auto digest = must::detail::content_digest(std::pair(std::string("/source"), std::string("1")));
  for (const std::string name : {"mails", "mails/late"}) {
    REQUIRE(store.put("must/inbox/" + name + "/" + digest, "", 0));
    must::inbox mails(store, name);
    const auto receive = [&] { return mails.receive("/source", "1", [](transaction&) {}); };
    const auto later = must::timestamp{store.origin().clock->now().microseconds + 1'000'000'000};
    CHECK_FALSE(receive());
    CHECK(mails.forget_before(later) == 0);
    CHECK_FALSE(receive());
    CHECK(mails.forget_before(later) == 1);
    CHECK(receive());
  }
}
