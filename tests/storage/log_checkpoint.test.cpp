// SPDX-License-Identifier: MIT
// The checkpoint of a log_store's index: opening uses it when it fits the log, and reads the whole log when not.
#include "must/storage/log_store.hpp"

#include "must/detail/crc32c.hpp"
#include "must/storage/log/checkpoint.hpp"

#include "stores/log.hpp"
#include "support/catch.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

// A handle of the log in memory that keeps a checkpoint, and counts what is read of it.
class checkpointed_log : public log_in_memory {
 public:
  void save_index(std::string_view bytes) {
    ++kept->saves;
    if (kept->is_full) must::raise({.code = must::error_code::storage_error, .message = "the disk is full"});
    kept->index = std::string(bytes);
  }
  std::optional<std::string> load_index() const { return kept->index; }
  void read(must::position after, auto&& visitor) const {
    log_in_memory::read(after, [&](must::commit&& one) {
      ++kept->visited;
      return visitor(std::move(one));
    });
  }
  void resume(must::position first, std::uint64_t, auto&& visitor) const { read(first - 1, visitor); }

  struct beside {
    std::optional<std::string> index{};
    std::size_t saves = 0, visited = 0;
    bool is_full = false;
  };
  std::shared_ptr<beside> kept = std::make_shared<beside>();
};
static_assert(must::IndexCheckpointLog<checkpointed_log> && !must::IndexCheckpointLog<log_in_memory>);
using checkpointed_store = must::log_store<checkpointed_log>;

must::cloud_event noted(std::size_t number) {
  must::cloud_event made{.id = "id-" + std::to_string(number), .source = "/s"};
  made.type = number % 3 == 0 ? "A" : number % 3 == 1 ? "B" : "a type of more than sixteen bytes";
  if (number % 4 > 0) made.subject = "stream-" + std::to_string(number % 37);
  for (std::size_t i = 0; i < number % 7; ++i) made.tags.insert("tag-" + std::to_string((number * 7 + i * 13) % 101));
  made.data = must::payload("text/plain", "n");
  return made;
}
// Appends events `from` to `until` in appends of 1, 2, 3, 1, 2, 3 ... events.
void fill(checkpointed_store& store, std::size_t from, std::size_t until) {
  for (std::size_t size = 1; from < until; size = size % 3 + 1) {
    std::vector<must::cloud_event> events;
    for (; from < until && events.size() < size; ++from) events.push_back(noted(from));
    static_cast<void>(store.append(events, {}).value());
  }
}
// What a store tells of its events, as a text.
template <typename S>
std::string told_by(S& store) {
  std::string told = std::to_string(store.head()) + ";";
  const auto positions = [&](const must::query& which) {
    store.read(which, {}, [&](const auto& event) { told += std::to_string(event.position) + ","; });
    told += ";";
  };
  for (int i = 0; i < 101; ++i) positions(must::query::of_tags({"tag-" + std::to_string(i)}));
  for (int i = 0; i < 37; ++i) {
    told += std::to_string(store.version("stream-" + std::to_string(i)).value) + ";";
    positions(must::query::of_stream("stream-" + std::to_string(i)));
  }
  for (const auto* type : {"A", "B", "a type of more than sixteen bytes", "C"})
    positions(must::query::of_types({type}));
  positions({must::query_item{.types = {"A"}, .tags = {"tag-5"}}});
  for (std::size_t i = 0; i < 300; i += 11) told += store.find("/s", "id-" + std::to_string(i)) ? "+" : "-";
  return told;
}
must::log_store_options every(std::size_t events) { return {.writer = "w", .checkpoint_events = events}; }

}  // namespace

TEST_CASE("log checkpoint: a store opened from one knows what a store that has read the log knows", "[storage][log]") {
  checkpointed_log log;
  {
    checkpointed_store store(log, every(1'000));
    fill(store, 0, 2'500);
    REQUIRE(log.kept->saves >= 1);
    REQUIRE(log.kept->saves <= 3);
  }
  const auto last_saved = log.kept->saves;
  checkpointed_log without = log;
  without.kept = std::make_shared<checkpointed_log::beside>();
  checkpointed_store whole(without, every(0));
  log.kept->visited = 0;
  std::vector<must::position> told;
  checkpointed_store opened(log, every(1'000), {}, [&](must::position at) { told.push_back(at); });
  CHECK(log.kept->visited < 1'000);
  CHECK(told.back() == 2'500);
  CHECK(told_by(opened) == told_by(whole));
  // It appends as before: streams go on, known ids are found, conditions see what is there.
  fill(opened, 2'500, 2'600);
  auto again = noted(6), part = noted(7);  // An append of one, and a part of an append of two.
  CHECK(opened.append(std::span(&again, 1), {}).value().first == 7);
  CHECK_THROWS_AS(opened.append(std::span(&part, 1), {}), must::duplicate_id);
  fill(opened, 2'600, 2'700);
  checkpointed_store more(without, every(0));
  CHECK(told_by(opened) == told_by(more));
  CHECK(log.kept->saves == last_saved);
}

TEST_CASE("log checkpoint: a damaged one leads to a rebuild, whatever byte it is", "[storage][log]") {
  checkpointed_log log;
  {
    checkpointed_store store(log, every(40));
    fill(store, 0, 60);
  }
  REQUIRE(log.kept->index);
  const auto good = *log.kept->index;
  std::string expected;
  {
    checkpointed_log without = log;
    without.kept = std::make_shared<checkpointed_log::beside>();
    checkpointed_store whole(without, every(0));
    expected = told_by(whole);
  }
  for (std::size_t at = 0; at <= good.size(); ++at) {
    for (const bool is_cut : {false, true}) {
      auto bad = good;
      if (is_cut)
        bad.resize(at);
      else if (at < good.size())
        bad[at] = static_cast<char>(bad[at] ^ 0x10);
      log.kept->index = bad;
      checkpointed_store opened(log, every(0));
      INFO("byte " << at << (is_cut ? " is the end" : " is flipped"));
      REQUIRE(opened.head() == 60);
      if (at % 16 == 0) REQUIRE(told_by(opened) == expected);
    }
  }
  // Behind a checksum that fits, what cannot be is refused as well, or is never more than a wrong answer of the index.
  for (std::size_t at = 16; at + 4 < good.size(); ++at) {
    auto bad = good.substr(0, good.size() - 4);
    bad[at] = static_cast<char>(bad[at] ^ 0x81);
    const auto crc = must::detail::crc32c(bad);
    for (unsigned shift = 0; shift < 32; shift += 8) bad += static_cast<char>(static_cast<unsigned char>(crc >> shift));
    log.kept->index = bad;
    checkpointed_store opened(log, every(0));
    INFO("byte " << at);
    try {
      REQUIRE(opened.head() <= 60);
    } catch (const must::storage_error&) {}
  }
}

TEST_CASE("log checkpoint: one of another log or of a newer head is not used", "[storage][log]") {
  checkpointed_log log, other, shorter;
  const auto filled = [](checkpointed_log& of, std::size_t from, std::size_t until) {
    checkpointed_store store(of, every(40));
    fill(store, from, until);
  };
  filled(log, 0, 60);
  filled(other, 1, 61);
  filled(shorter, 0, 30);
  const auto expected = [](const checkpointed_log& of) {
    auto without = of;
    without.kept = std::make_shared<checkpointed_log::beside>();
    checkpointed_store whole(without, every(0));
    return told_by(whole);
  };
  other.kept->index = log.kept->index;
  shorter.kept->index = log.kept->index;
  for (auto* one : {&other, &shorter}) {
    checkpointed_store opened(*one, every(0));
    CHECK(told_by(opened) == expected(*one));
  }
}

TEST_CASE("log checkpoint: what hinders the saving is told and hinders nothing else", "[storage][log]") {
  checkpointed_log log;
  log.kept->is_full = true;
  checkpointed_store store(log, every(40));
  CHECK_FALSE(store.checkpoint_error());
  fill(store, 0, 60);
  REQUIRE(store.checkpoint_error());
  CHECK(store.checkpoint_error()->message == "the disk is full");
  const auto tried = log.kept->saves;
  CHECK(tried == 1);
  log.kept->is_full = false;
  fill(store, 60, 200);
  CHECK_FALSE(store.checkpoint_error());
  CHECK(log.kept->saves > tried);
}

TEST_CASE("log checkpoint: with 0 events none is written, and closing saves what is new", "[storage][log]") {
  checkpointed_log log;
  {
    checkpointed_store store(log, every(0));
    fill(store, 0, 3'000);
  }
  CHECK(log.kept->saves == 0);
  { checkpointed_store store(log, every(100'000)); }
  CHECK(log.kept->saves == 1);
  { checkpointed_store store(log, every(100'000)); }
  CHECK(log.kept->saves == 1);
}
