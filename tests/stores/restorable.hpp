// SPDX-License-Identifier: MIT
// Stores that can be put back to an earlier copy of themselves, for random histories.
//
// Each is made with a clock. A place has:
//   store()          the store as it is now; a reference that holds until the next reopen() or restore()
//   reopen(source)   closes the store and opens it, where it can be; from then on its events have that source
//   save()           makes a copy, of events and cells
//   copies()         how many copies there are
//   restore(n)       puts the n-th copy in the place of what there is, also under a handler of who follows
//   mark_restored()  where the store has a history(), gives it another
//   stir()           lets others who share the store write there
//   counts           where it has transactions: what is counted in them, as in the list of stores
#pragma once

#include "must/must.hpp"
#include "must/storage/context.hpp"
#include "must/storage/memory.hpp"

#ifndef MUST_TESTS_WITHOUT_POSTGRES
#include "stores/postgres.hpp"
#endif
#include "stores/sqlite.hpp"
#include "stores/switchable_store.hpp"
#include "support/ensure.hpp"
#include "support/temporary_folder.hpp"

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace must_test {

class restorable_memory {
  using inner = must::memory_store<>;

 public:
  using store_type = switchable_store<inner>;
  static constexpr bool can_restore = true;
  static bool is_available() { return true; }

  explicit restorable_memory(must::clock& clock) : origin_{.source = "/test", .clock = &clock}, shown_(made()) {}

  store_type& store() { return shown_; }
  void reopen(const std::string& source) {
    auto& before = *stores_.back();
    origin_.source = source;
    copy(before, made());
    shown_.switch_to(*stores_.back());
  }
  void save() {
    auto& now = *stores_.back();
    copies_.push_back(std::make_unique<inner>(origin_));
    copy(now, *copies_.back());
  }
  [[nodiscard]] std::size_t copies() const { return copies_.size(); }
  void restore(std::size_t which) {
    copy(*copies_[which], made());
    shown_.switch_to(*stores_.back());
  }
  static void mark_restored() {}
  static void stir() {}

 private:
  inner& made() { return *stores_.emplace_back(std::make_unique<inner>(origin_)); }
  static void copy(inner& from, inner& to) {
    static_cast<void>(from.read(must::query::all(), {}, [&](const must::recorded<must::payload>& record) {
      must::cloud_event one = record;
      ensure(to.append(std::span(&one, 1), {}).stored(), "copy event " + one.id);
    }));
    for (const auto& key : from.list("")) ensure(to.put(key, from.get(key)->bytes, 0), "copy cell " + key);
  }

  must::origin origin_;
  std::vector<std::unique_ptr<inner>> stores_{}, copies_{};  // A follower may still read one that was replaced.
  store_type shown_;
};

class restorable_sqlite {
 public:
  using store_type = must::sqlite_store;
  static constexpr bool can_restore = true;
  static bool is_available() { return true; }

  explicit restorable_sqlite(must::clock& clock) : origin_{.source = "/test", .clock = &clock} { reopen("/test"); }

  store_type& store() { return *store_; }
  void reopen(const std::string& source) {
    store_.reset();
    origin_.source = source;
    store_.emplace(on(folder.file()), origin_);
  }
  void save() { copy_into(folder.file("copy" + std::to_string(copies_++)), folder.file()); }
  [[nodiscard]] std::size_t copies() const { return copies_; }
  void restore(std::size_t which) { copy_into(folder.file(), folder.file("copy" + std::to_string(which))); }
  void mark_restored() { store_->mark_restored(); }
  static void stir() {}

  using counts = sqlite_fixture::counts;
  temporary_folder folder{};

 private:
  must::origin origin_;
  std::optional<store_type> store_{};
  std::size_t copies_ = 0;
};

#ifndef MUST_TESTS_WITHOUT_POSTGRES
// This one is never put back: a dump and a restore take too long for a history.
class restorable_postgres {
 public:
  using store_type = must::postgres_store;
  static constexpr bool can_restore = false;
  static bool is_available() { return has_postgres(); }

  explicit restorable_postgres(must::clock& clock) : origin_{.source = "/test", .clock = &clock} { reopen("/test"); }

  store_type& store() { return *store_; }
  void reopen(const std::string& source) {
    store_.reset();
    origin_.source = source;
    store_.emplace(options_for(fixture.schema_.name), origin_);
  }
  static void save() {}
  static std::size_t copies() { return 0; }
  static void restore(std::size_t) {}
  static void mark_restored() {}
  static void stir() {}

  struct counts : postgres_fixture::counts {
    explicit counts(const restorable_postgres& of) : postgres_fixture::counts(of.fixture) {}
  };
  postgres_fixture fixture{};

 private:
  must::origin origin_;
  std::optional<store_type> store_{};
};
#endif

// A context in such a store, beside another one that has events and cells of the same names.
template <typename Place>
class restorable_context {
 public:
  using store_type = must::context<typename Place::store_type>;
  static constexpr bool can_restore = Place::can_restore;
  static bool is_available() { return Place::is_available(); }

  explicit restorable_context(must::clock& clock) : place_(clock) { open(); }

  store_type& store() { return *store_; }
  void reopen(const std::string& source) {
    store_.reset();
    other_.reset();
    place_.reopen(source);
    open();
  }
  void save() { place_.save(); }
  [[nodiscard]] std::size_t copies() const { return place_.copies(); }
  void restore(std::size_t which) { place_.restore(which); }
  void mark_restored() { place_.mark_restored(); }
  void stir() {
    const auto number = std::to_string(++made_);
    must::cloud_event one{.id = number, .source = "/theirs", .type = "wanted", .subject = "s0"};
    ensure(other_->append(std::span(&one, 1), {}).stored(), "append event " + number + " beside");
    static_cast<void>(other_->put("must/subscription/" + number, number, 0));
  }

 private:
  void open() {
    store_.emplace(place_.store(), "mine");
    other_.emplace(place_.store(), "theirs");
  }
  Place place_;
  std::optional<store_type> store_{}, other_{};
  int made_ = 0;
};

}  // namespace must_test

// A test of each place that needs no server: its type is TestType.
#define EACH_PLACE_TEST_CASE(name, tags)                                                                        \
  TEMPLATE_TEST_CASE(name, tags, must_test::restorable_memory,                                                  \
                     must_test::restorable_context<must_test::restorable_memory>, must_test::restorable_sqlite, \
                     must_test::restorable_context<must_test::restorable_sqlite>)
