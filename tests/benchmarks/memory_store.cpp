// SPDX-License-Identifier: MIT
// memory_store: conditional appends and selective reads cost what they match, and a reader does not slow the writer.
//
// "small" is one store of 10,000 events that caches hold; "spread" is a hundred of them, used in turns, that take as
// much memory as the one of 1,000,000: the first ratio has the cost of the memory in it, the second only that of must.
// A tag is read "again" and again, or at random; and from the least store that could give it, to show what of the
// first ratio is the machine's.
#include "must/storage/memory.hpp"

#include "benchmarks/ratios.hpp"

#include <malloc.h>
#include <sys/mman.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace {

using store_type = must::memory_store<>;
constexpr std::size_t few = 10'000;
constexpr std::size_t many = 1'000'000;
constexpr std::size_t some = 250;  // appends that are timed together
constexpr std::size_t events_per_tag = 10;

// Gives each benchmark the same numbers.
class dice {
 public:
  std::size_t operator()(std::size_t sides) {
    state_ ^= state_ << 13U;
    state_ ^= state_ >> 7U;
    state_ ^= state_ << 17U;
    return static_cast<std::size_t>(state_ % sides);
  }

 private:
  std::uint64_t state_ = 88'172'645'463'325'252U;
};

// Takes the memory from the kernel before anything is measured, for good and on huge pages: the price of a fresh page
// differs from machine to machine by a factor of ten, and is not must's.
void warm_the_heap(std::size_t bytes) {
  ::mallopt(M_MMAP_MAX, 0);
  ::mallopt(M_TRIM_THRESHOLD, -1);
  ::mallopt(M_TOP_PAD, 1 << 28);
  constexpr std::size_t page = std::size_t{2} << 20U;
  void* const memory = std::malloc(bytes);
  const auto start = (reinterpret_cast<std::uintptr_t>(memory) + page - 1) / page * page;
  ::madvise(reinterpret_cast<void*>(start), bytes - page, MADV_HUGEPAGE);
  for (std::size_t i = 0; i < bytes; i += 4096) static_cast<volatile char*>(memory)[i] = 1;
  std::free(memory);
}

// The names that commands come with: made once, as they would come from outside.
std::vector<std::string> numbered(const std::string& prefix, std::size_t count) {
  std::vector<std::string> made;
  for (std::size_t i = 0; i < count; ++i) made.push_back(prefix + std::to_string(i));
  return made;
}
const std::string& tag(std::size_t i) {
  static const auto all = numbered("course:", 100'000);
  return all[i];
}
const std::string& stream(std::size_t i) {
  static const auto all = numbered("student-", 10'000);
  return all[i];
}

// About 300 bytes: an id, a source, a type, a stream, two tags, a payload of 200.
must::cloud_event make_event(const std::string& subject, const std::string& first, const std::string& second) {
  static const std::string body(200, 'x');
  must::cloud_event event;
  event.id = must::uuid7_ids::instance().next({});
  event.source = "/must";
  event.type = "Subscribed";
  event.subject = subject;
  event.tags = {first, second};
  event.data = must::payload("text/plain", body);
  return event;
}

// An append under the condition that nothing with both tags has come since `after`.
struct one_append {
  must::cloud_event event;
  must::append_condition condition;
};
one_append make_append(dice& roll) {
  const auto& first = tag(roll(100'000));
  const auto& second = tag(roll(100'000));
  return {make_event(stream(roll(10'000)), first, second), {.query = must::query::of_tags({first, second})}};
}
template <typename Store>
void append_one(Store& store, one_append& made) {
  made.condition.after = store.head();
  if (!store.append(std::span(&made.event, 1), made.condition)) std::abort();
}

template <typename Store>
std::unique_ptr<Store> filled(std::size_t count, dice& roll) {
  auto store = std::make_unique<Store>();
  for (std::size_t i = 0; i < count; ++i) {
    auto made = make_append(roll);
    append_one(*store, made);
  }
  return store;
}

template <typename Store>
void time_appends(benchmark::State& state, std::span<const std::unique_ptr<Store>> stores, dice& roll) {
  std::vector<one_append> made;
  while (made.size() < some) made.push_back(make_append(roll));
  const bench::stopwatch watch;
  for (auto& one : made) append_one(*stores[stores.size() == 1 ? 0 : roll(stores.size())], one);
  bench::set_time(state, watch.time() / some);
}

template <typename Store>
void append_small_of(benchmark::State& state) {
  dice roll;
  for (auto _ : state) {
    const auto store = filled<Store>(few, roll);
    time_appends<Store>(state, {&store, 1}, roll);
  }
}
template <typename Store>
void append_spread_of(benchmark::State& state) {
  dice roll;
  std::vector<std::unique_ptr<Store>> stores;
  while (stores.size() < many / few) stores.push_back(filled<Store>(few, roll));
  for (auto _ : state) time_appends<Store>(state, stores, roll);
}
template <typename Store>
void append_large_of(benchmark::State& state) {
  dice roll;
  const auto store = filled<Store>(many, roll);
  for (auto _ : state) time_appends<Store>(state, {&store, 1}, roll);
}

// By hand: a flat dictionary of names.
using positions = std::vector<std::uint64_t>;
class dictionary {
 public:
  dictionary() : slots_(16) {}
  positions& operator[](const std::string& name) {
    const auto hash = std::hash<std::string>{}(name);
    auto* at = &find(slots_, hash, name);
    if (at->name == nullptr) {
      if (++count_ * 2 > slots_.size()) {
        std::vector<slot> larger(slots_.size() * 2);
        for (auto& old : slots_)
          if (old.name) find(larger, old.hash, *old.name) = std::move(old);
        slots_ = std::move(larger);
        at = &find(slots_, hash, name);
      }
      at->hash = hash;
      at->name = std::make_unique<std::string>(name);
    }
    return at->where;
  }

 private:
  struct slot {
    std::size_t hash = 0;
    std::unique_ptr<std::string> name{};
    positions where{};
  };
  static slot& find(std::vector<slot>& slots, std::size_t hash, const std::string& name) {
    for (auto i = hash;; ++i)
      if (auto& at = slots[i & (slots.size() - 1)]; !at.name || (at.hash == hash && *at.name == name)) return at;
  }
  std::vector<slot> slots_;
  std::size_t count_ = 0;
};

// By hand: a flat dictionary of tags with their last positions, one of streams with their versions; no reading by
// either, no identity, nothing but the two checks.
class hand_store {
 public:
  must::append_result append(std::span<must::cloud_event> events, const must::append_condition& condition) {
    auto& event = events.front();
    const std::lock_guard lock(mutex_);
    auto oldest = log_.size();
    for (const auto& name : condition.query.items().front().tags) {
      const auto& list = tags_[name];
      oldest = std::min(oldest, list.empty() ? 0 : list.back());
    }
    if (oldest > condition.after) return must::conflict{.actual = oldest};
    const auto position = log_.size() + 1;
    auto& of_stream = streams_[event.subject];
    of_stream.push_back(position);
    for (const auto& name : event.tags) tags_[name].push_back(position);
    log_.push_back({std::move(event), position, must::version(of_stream.size()), {}});
    return must::appended{position, position};
  }
  must::position head() const { return log_.size(); }

 private:
  std::mutex mutex_{};
  must::detail::index::segmented<must::recorded<must::payload>> log_impl_{};
  struct log {
    must::detail::index::segmented<must::recorded<must::payload>>& all;
    [[nodiscard]] std::size_t size() const { return all.size(); }
    void push_back(must::recorded<must::payload>&& one) { all.emplace_back(std::move(one)); }
  } log_{log_impl_};
  dictionary tags_{}, streams_{};
};

// By hand, the least that can be asked for the events of a tag: a dictionary of tags with their positions, and the
// records in an array.
class hand_reader {
 public:
  must::append_result append(std::span<must::cloud_event> events, const must::append_condition&) {
    const auto position = log_.size() + 1;
    for (const auto& name : events.front().tags) tags_[name].push_back(position);
    log_.push_back({std::move(events.front()), position, 0, {}});
    return must::appended{position, position};
  }
  template <typename Visitor>
  void read(const must::query& which, must::read_options, Visitor visitor) {
    for (const auto position : tags_[which.items().front().tags.front()]) visitor(log_[position - 1]);
  }

 private:
  std::vector<must::recorded<must::payload>> log_{};
  dictionary tags_{};
};

// `spread` stores with `count` events each, every tag of a store on ten of them.
template <typename Store>
std::vector<std::unique_ptr<Store>> with_tags_of_ten(std::size_t spread, std::size_t count) {
  std::vector<std::unique_ptr<Store>> stores;
  while (stores.size() < spread) {
    stores.push_back(std::make_unique<Store>());
    const auto tags = count / events_per_tag;
    for (std::size_t i = 0; i < count; ++i) {
      auto event = make_event(stream(i % 10'000), tag(i % tags), tag((i * 7 + 3) % tags));
      event.tags = must::tag_set({tag(i % tags)});
      stores.back()->append(std::span(&event, 1), {}).value();
    }
  }
  return stores;
}

enum class which_tag { random, same };
template <typename Store>
void read_tag(benchmark::State& state, std::size_t spread, std::size_t count, which_tag which = which_tag::random) {
  const auto stores = with_tags_of_ten<Store>(spread, count);
  const auto tags = count / events_per_tag;
  dice roll;
  std::size_t events = 0;
  std::size_t bytes = 0;
  for (auto _ : state) {
    auto& store = *stores[spread == 1 ? 0 : roll(spread)];
    const auto chosen = which == which_tag::same ? tags / 2 : roll(tags);
    store.read(must::query::of_tags({tag(chosen)}), {}, [&](const must::recorded<must::payload>& record) {
      ++events;
      bytes += static_cast<unsigned char>(record.data.bytes().front());
    });
  }
  benchmark::DoNotOptimize(bytes);
  if (events != static_cast<std::size_t>(state.iterations()) * events_per_tag) state.SkipWithError("lost events");
}
void read_tag_small(benchmark::State& state) { read_tag<store_type>(state, 1, few); }
void read_tag_spread(benchmark::State& state) { read_tag<store_type>(state, many / few, few); }
void read_tag_large(benchmark::State& state) { read_tag<store_type>(state, 1, many); }
void read_tag_small_again(benchmark::State& state) { read_tag<store_type>(state, 1, few, which_tag::same); }
void read_tag_large_again(benchmark::State& state) { read_tag<store_type>(state, 1, many, which_tag::same); }
void read_tag_small_by_hand(benchmark::State& state) { read_tag<hand_reader>(state, 1, few); }
void read_tag_large_by_hand(benchmark::State& state) { read_tag<hand_reader>(state, 1, many); }

// Appends 400,000 events, alone or beside a reader that scans the whole store again and again.
void write(benchmark::State& state, bool scanned) {
  dice roll;
  for (auto _ : state) {
    store_type store;
    std::atomic<bool> done{false};
    std::size_t events = 0;
    std::thread reader;
    if (scanned)
      reader = std::thread([&] {
        while (!done.load(std::memory_order_relaxed))
          store.read(must::query::all(), {}, [&](const must::recorded<must::payload>& record) {
            events += record.data.bytes().size() == 200 ? 1 : 0;
            return !done.load(std::memory_order_relaxed);
          });
      });
    bench::spent writing;
    constexpr std::size_t rounds = 1'600;
    for (std::size_t i = 0; i < rounds; ++i) {
      std::vector<one_append> made;
      while (made.size() < some) made.push_back(make_append(roll));
      const bench::stopwatch watch(CLOCK_THREAD_CPUTIME_ID);
      for (auto& one : made) append_one(store, one);
      writing += watch.time();
    }
    bench::set_time(state, writing / (rounds * some));
    done = true;
    if (reader.joinable()) reader.join();
    benchmark::DoNotOptimize(events);
  }
}
void write_alone(benchmark::State& state) { write(state, false); }
void write_while_scanned(benchmark::State& state) { write(state, true); }

void append_small(benchmark::State& state) { append_small_of<store_type>(state); }
void append_spread(benchmark::State& state) { append_spread_of<store_type>(state); }
void append_large(benchmark::State& state) { append_large_of<store_type>(state); }
void append_small_by_hand(benchmark::State& state) { append_small_of<hand_store>(state); }
void append_large_by_hand(benchmark::State& state) { append_large_of<hand_store>(state); }
void target_append(benchmark::State& state) {  // 1,500,000 a second
  for (auto _ : state) bench::set_time(state, {1 / 1.5e6, 1 / 1.5e6});
}

BENCHMARK(target_append)->UseManualTime()->Iterations(1);
BENCHMARK(append_small)->UseManualTime()->Iterations(50)->Repetitions(5);
BENCHMARK(append_spread)->UseManualTime()->Iterations(100)->Repetitions(5);
BENCHMARK(append_large)->UseManualTime()->Iterations(100)->Repetitions(5);
BENCHMARK(append_small_by_hand)->UseManualTime()->Iterations(50)->Repetitions(5);
BENCHMARK(append_large_by_hand)->UseManualTime()->Iterations(100)->Repetitions(5);
BENCHMARK(read_tag_small)->Repetitions(3)->MeasureProcessCPUTime();
BENCHMARK(read_tag_spread)->Repetitions(3)->MeasureProcessCPUTime();
BENCHMARK(read_tag_large)->Repetitions(3)->MeasureProcessCPUTime();
BENCHMARK(read_tag_small_again)->Repetitions(3)->MeasureProcessCPUTime();
BENCHMARK(read_tag_large_again)->Repetitions(3)->MeasureProcessCPUTime();
BENCHMARK(read_tag_small_by_hand)->Repetitions(3)->MeasureProcessCPUTime();
BENCHMARK(read_tag_large_by_hand)->Repetitions(3)->MeasureProcessCPUTime();
BENCHMARK(write_alone)->UseManualTime()->Iterations(1)->Repetitions(5);
BENCHMARK(write_while_scanned)->UseManualTime()->Iterations(1)->Repetitions(5);

}  // namespace

int main(int argc, char** argv) {
  warm_the_heap(std::size_t{3} << 30U);
  return ratios::run(
      argc, argv,
      {{"conditional append at 1,000,000 events / 1,500,000 a second", "append_large", "target_append", 1},
       {"conditional append at 1,000,000 / at 10,000 events", "append_large", "append_small", 1.5},
       {"... / at 10,000 events, in as much memory", "append_large", "append_spread", 1.5},
       {"... / by hand, with the two checks and nothing else", "append_large", "append_large_by_hand", 2},
       {"by hand, at 1,000,000 / at 10,000 events", "append_large_by_hand", "append_small_by_hand", 1.5},
       {"one tag of 10 events again and again, among 1,000,000 / 10,000", "read_tag_large_again",
        "read_tag_small_again", 1.5},
       {"random tags, among 1,000,000 / 10,000, in as much memory", "read_tag_large", "read_tag_spread", 1.5},
       {"random tags, among 1,000,000 / 10,000, which the cache holds", "read_tag_large", "read_tag_small", 1.5},
       {"... the same ratio, of the least store by hand", "read_tag_large_by_hand", "read_tag_small_by_hand", 1.5},
       {"random tags among 1,000,000 / the least store by hand", "read_tag_large", "read_tag_large_by_hand", 2},
       {"append with a reader that scans / alone", "write_while_scanned", "write_alone", 1.25}});
}
