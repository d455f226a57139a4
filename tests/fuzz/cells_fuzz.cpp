// SPDX-License-Identifier: MIT
// Fuzzes the cells that subscriptions, views and snapshots find in a store that is damaged, or another's.
//
// An input is what a cell holds; "|" stands for the NUL between its fields. First as it is, then behind an owner who
// has left.
#include "fuzz.hpp"

#include "must/codec/json.hpp"
#include "must/model/view.hpp"
#include "must/must.hpp"
#include "must/storage/memory.hpp"
#include "must/subscription.hpp"

#include <algorithm>

using fuzz::expect;

namespace {

struct Counted {
  static constexpr auto type = "Counted";
  int by = 0;
  [[nodiscard]] std::string stream() const { return "s"; }
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Counted, by)

struct Sum {
  static constexpr auto type = "Sum";
  static constexpr int snapshot_every = 1;
  using events = must::events<Counted>;
  int total = 0;
  void apply(const Counted& event) { total += event.by; }
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Sum, total)

struct fixture {
  must::memory_store<> store{};
  fixture() { static_cast<void>(must::append(store, Counted{1}, Counted{2}, Counted{3})); }
};

// Whatever a cell holds, a run handles each event that is left, or says what is wrong with a typed error.
void follow(const std::string& key, std::string_view bytes, unsigned lanes) {
  fixture with;
  with.store.put(key, bytes, 0);
  must::position last = 0;
  const auto handle = [&](const auto& event) { last = std::max(last, event.position); };
  must::subscription follows(with.store, "s", must::query::all(), handle, {.lanes = lanes});
  try {
    static_cast<void>(follows.parked());
    const auto came_to = follows.run_once();
    expect(came_to == 3, "a run ends before the end");
  } catch (const must::exception& thrown) {
    expect(thrown.error().code != must::error_code::bad_input, "the user is blamed");
    expect(must::detail::text::is_utf8(thrown.what()) || !must::detail::text::is_utf8(bytes), "a message is not UTF-8");
  }
}

void snapshots(std::string_view bytes) {
  fixture with;
  static_cast<void>(must::load(with.store, must::stream<Sum>("s")));  // keeps a snapshot
  const auto key = with.store.list("must/snapshot/").at(0);
  with.store.put(key, bytes, with.store.get(key)->revision);
  const auto loaded = must::load(with.store, must::stream<Sum>("s"));
  expect(loaded.seen == 3 && loaded.version == 3, "a state is not loaded to the head");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string bytes(reinterpret_cast<const char*>(data), size);
  snapshots(bytes);
  std::replace(bytes.begin(), bytes.end(), '|', '\0');
  try {
    const auto owned = must::detail::following::owned_fields::of(bytes);
    expect(must::detail::following::owned_fields::of(owned.bytes()).fields == owned.fields,
           "fields are written as others");
    static_cast<void>(must::detail::following::checkpoint::of(owned.fields));
    using must::detail::following::parked_content;
    const auto parked = parked_content::of(owned.fields);
    expect(parked_content::of(parked.fields()).all.size() == parked.all.size(), "what is parked is lost");
    static_cast<void>(must::detail::following::parked_requests::of(bytes));
  } catch (const must::storage_error&) {}

  const std::string left = std::string("1\0\0007\0001000\0", 10) + bytes;
  for (const char* key : {"must/subscription/s", "must/subscription/s/parked", "must/subscription/s/attempts",
                          "must/subscription/s/lane/0", "must/subscription/s/requests"})
    follow(key, left, 1);
  return 0;
}
