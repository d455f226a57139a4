// SPDX-License-Identifier: MIT
// What the cases of the storage suite stand on: a fresh store, events to append, and expectations.
#pragma once

#include "must/matching.hpp"
#include "must/storage.hpp"
#include "must/testing/assertion_failed.hpp"
#include "must/testing/suite/case.hpp"
#include "must/testing/suite/racing.hpp"
#include "must/testing/suite/show.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace must::testing::detail {

[[noreturn]] inline void fail(std::string text) { throw assertion_failed(std::move(text)); }

inline void expect(bool holds, std::string_view what) {
  if (!holds) fail("expected that " + std::string(what));
}

template <typename Expected, typename Found>
void expect_equal(std::string_view what, const Expected& expected, const Found& found) {
  if (!(found == expected)) fail(std::string(what) + ": expected " + show(expected) + ", found " + show(found));
}

inline std::string written(const std::optional<timestamp>& time) { return time ? time->to_string() : "none"; }

// What a store must give back as it was given, field by field. Times count as they are written.
template <typename Data>
void expect_same(const basic_event<Data>& sent, const basic_event<Data>& found) {
  const auto at = "event " + show(sent.id) + ", ";
  expect_equal(at + "id", sent.id, found.id);
  expect_equal(at + "source", sent.source, found.source);
  expect_equal(at + "type", sent.type, found.type);
  expect_equal(at + "stream", sent.subject, found.subject);
  expect_equal(at + "dataschema", sent.dataschema, found.dataschema);
  expect_equal(at + "time", written(sent.time), written(found.time));
  expect_equal(at + "tags", std::vector<std::string>(sent.tags.begin(), sent.tags.end()),
               std::vector<std::string>(found.tags.begin(), found.tags.end()));
  expect_equal(at + "number of extensions", sent.extensions.size(), found.extensions.size());
  for (const auto& [name, value] : sent.extensions) {
    const auto kept = found.extensions.find(name);
    expect(kept != found.extensions.end(), at + "extension " + show(name) + " is there");
    expect_equal(at + "kind of extension " + name, value.index(), kept->second.index());
    expect_equal(at + "extension " + name, show(value), show(kept->second));
    expect(value == kept->second, at + "extension " + name + " is the same to its last byte");
  }
  if constexpr (std::is_same_v<Data, payload>) {
    expect_equal(at + "kind of data", static_cast<int>(sent.data.state()), static_cast<int>(found.data.state()));
    expect_equal(at + "content type", sent.data.content_type(), found.data.content_type());
    expect_equal(at + "bytes", sent.data.bytes(), found.data.bytes());
    expect(sent.data == found.data, at + "data is the same");
  } else {
    expect(must::detail::content_equal(sent.data, found.data), at + "data is the same");
  }
}

template <typename Fixture>
class suite_bench {
 public:
  static constexpr capabilities can = Fixture::capabilities;
  using store_type = std::remove_cvref_t<decltype(std::declval<Fixture&>().store())>;
  static_assert(Storage<store_type>, "must: store() of the fixture returns no Storage");
  using data_type = typename store_type::data_type;
  using event = basic_event<data_type>;
  using record = recorded<data_type>;
  using events = std::vector<event>;
  static constexpr bool keeps_payloads = std::is_same_v<data_type, payload>;

  suite_bench(const suite_options& options, bool& random) : options_(options), drew_(&random) {}

  [[nodiscard]] store_type& store() { return fixture_.store(); }
  [[nodiscard]] Fixture& fixture() { return fixture_; }
  [[nodiscard]] const suite_options& options() const { return options_; }
  [[nodiscard]] suite_random random(std::uint64_t stream = 0) {
    *drew_ = true;
    return suite_random(options_.seed + stream * 0x1'0001);
  }
  [[nodiscard]] must::limits limits() {
    if constexpr (requires { must::limits(store().limits()); })
      return store().limits();
    else
      return {};
  }

  /// Another connection, where the fixture has one; else the store itself.
  [[nodiscard]] store_type& other() {
    if constexpr (can.connections) {
      static_assert(requires(Fixture& it) { static_cast<store_type&>(it.other()); },
                    "must: the fixture declares connections: give it other(), which returns a second one");
      return fixture_.other();
    } else {
      return store();
    }
  }

  /// Data that differs for each number.
  [[nodiscard]] static data_type data(std::uint64_t number) {
    if constexpr (requires { data_type(Fixture::data(number)); }) {
      return Fixture::data(number);
    } else {
      static_assert(keeps_payloads, "must: the fixture of a store that keeps structs needs static data_type data(std::uint64_t)");
      return payload("application/json", "{\"number\":" + std::to_string(number) + "}");
    }
  }
  /// An event with an id and data that no other has.
  [[nodiscard]] event make(std::string type = "happened", std::string stream = {}, tag_set tags = {}) {
    const auto number = ++made_;
    event made;
    made.id = "e" + std::to_string(number);
    made.source = source();
    made.type = std::move(type);
    made.subject = std::move(stream);
    made.tags = std::move(tags);
    made.data = data(number);
    return made;
  }
  [[nodiscard]] event in_stream(std::string stream) { return make("happened", std::move(stream)); }
  [[nodiscard]] event tagged(tag_set tags) { return make("happened", {}, std::move(tags)); }
  [[nodiscard]] events some(std::size_t count, const std::string& stream = {}, const tag_set& tags = {}) {
    events all;
    all.reserve(count);
    while (all.size() < count) all.push_back(make("happened", stream, tags));
    return all;
  }
  [[nodiscard]] std::string source() { return store().origin().source; }

  /// Appends copies of the events.
  append_result append(store_type& to, events all, const append_condition& condition = {}) {
    return to.append(std::span<event>(all), condition);
  }
  append_result append(events all, const append_condition& condition = {}) {
    return append(store(), std::move(all), condition);
  }
  append_result append(event one, const append_condition& condition = {}) { return append(only(std::move(one)), condition); }

  /// Appends, and expects that it is stored.
  appended stored(events all, const append_condition& condition = {}) {
    const auto done = append(std::move(all), condition);
    if (!done) fail("an append under " + show(condition) + ": expected that it is stored, found " + show(done));
    return *done;
  }
  appended stored(event one, const append_condition& condition = {}) { return stored(only(std::move(one)), condition); }

  /// Appends, and expects a conflict, nothing stored, and the events as they were.
  conflict refused(const events& all, const append_condition& condition) {
    const auto head = store().head();
    auto sent = all;
    const auto done = store().append(std::span<event>(sent), condition);
    if (done) fail("an append under " + show(condition) + ": expected a conflict, found it " + show(done));
    expect_equal("the head after a conflict", head, store().head());
    expect_untouched(all, sent);
    return done.why();
  }
  conflict refused(const event& one, const append_condition& condition) { return refused(only(one), condition); }

  /// Expects that `action` throws the exception of `code`, and that its `field` is the one named, if one is.
  template <typename Action>
  error throws(error_code code, std::string_view field, std::string_view what, Action&& action) {
    try {
      action();
    } catch (const exception& why) {
      if (why.error().code != code) fail(std::string(what) + ": expected " + name_of(code) + ", found " + show(why.error()));
      if (!field.empty()) expect_equal(std::string(what) + ": field of the error", field, why.error().field.str());
      expect(why.what() != nullptr && *why.what() != '\0', std::string(what) + ": the error says why");
      return why.error();
    }
    fail(std::string(what) + ": expected " + name_of(code) + ", found that nothing was thrown");
  }
  /// The same for an append: nothing is stored, the events are as they were, the store goes on.
  error append_throws(error_code code, std::string_view field, std::string_view what, const events& all,
                      const append_condition& condition = {}) {
    const auto head = store().head();
    auto sent = all;
    const auto why =
        throws(code, field, what, [&] { static_cast<void>(store().append(std::span<event>(sent), condition)); });
    expect_equal(std::string(what) + ": the head afterwards", head, store().head());
    expect_untouched(all, sent);
    return why;
  }
  /// Shows that the store still works.
  void usable() {
    const auto one = make("usable", "usable");
    const auto before = store().version("usable");
    const auto at = stored(one);
    expect_same(one, find(one));
    expect_equal("the version of a stream after one more append", before + 1, store().version("usable"));
    expect_equal("the head after one more append", at.last, store().head());
  }

  struct reading {
    std::vector<record> records{};
    read_result result{};
  };
  reading read(store_type& from, const query& which, const read_options& how = {}) {
    reading done;
    done.result = from.read(which, how, [&](const record& one) { done.records.push_back(one); });
    return done;
  }
  reading read(const query& which = query::all(), const read_options& how = {}) { return read(store(), which, how); }
  [[nodiscard]] std::vector<record> log() { return read().records; }

  [[nodiscard]] record find(const event& one) {
    auto found = store().find(one.source, one.id);
    if (!found) fail("find(" + show(one.source) + ", " + show(one.id) + "): expected the event, found nothing");
    return *std::move(found);
  }

  /// Expects exactly these events, in this order.
  void expect_events(std::string_view what, const std::vector<event>& expected, const std::vector<record>& found) {
    if (ids(expected) != ids(found))
      fail(std::string(what) + ": expected the events " + show(ids(expected)) + ", found " + show(ids(found)));
    for (std::size_t i = 0; i < found.size(); ++i) expect_same<data_type>(expected[i], found[i]);
  }
  template <typename Event>
  [[nodiscard]] static std::vector<std::string> ids(const std::vector<Event>& all) {
    std::vector<std::string> made;
    for (const auto& one : all) made.push_back(one.id);
    return made;
  }
  [[nodiscard]] static std::vector<position> positions(const std::vector<record>& all) {
    std::vector<position> made;
    for (const auto& one : all) made.push_back(one.position);
    return made;
  }
  [[nodiscard]] static events only(event one) {
    events all;
    all.push_back(std::move(one));
    return all;
  }

 private:
  void expect_untouched(const events& before, const events& after) {
    expect_equal("the number of events after a refused append", before.size(), after.size());
    for (std::size_t i = 0; i < before.size(); ++i)
      if (before[i].tags.size() < 10 && before[i].id.size() < 100) expect_same<data_type>(before[i], after[i]);
  }

  suite_options options_;
  bool* drew_;
  std::atomic<std::uint64_t> made_{0};
  Fixture fixture_{};
};

inline append_condition no_match(query which, position after) {
  return {.query = std::move(which), .after = after};
}
inline append_condition streams(std::vector<stream_expectation> all) { return {.streams = std::move(all)}; }

}  // namespace must::testing::detail
