// SPDX-License-Identifier: MIT
// process_command on a memory_store of structs, against a hand-written function that makes the same checks and stores
// the same record under the same kind of lock.
#include "benchmarks/ratios.hpp"

#include "must/must.hpp"
#include "must/storage/memory.hpp"

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

namespace {

constexpr int streams = 1'000;
constexpr int commands = 200'000;
constexpr int aggregates = 20'000;

struct Actor {
  int id;
  bool active;
};
struct Deposited {
  std::string stream;
  int amount;
};
struct Withdrawn {
  std::string stream;
  int amount;
};
struct Account {
  using events = must::events<Deposited, Withdrawn>;
  long balance = 0;
  void apply(const Deposited& deposit) { balance += deposit.amount; }
  void apply(const Withdrawn& withdrawal) { balance -= withdrawal.amount; }
};
struct Deposit {
  std::string account;
  int amount;
  bool be_authorized(const Actor& by) const { return by.active; }
  must::result<void> be_valid(const Actor&) const {
    if (amount <= 0) return must::refuse("the amount must be positive");
    return {};
  }
  Deposited be_translated_to_events() const { return {account, amount}; }
};
struct Withdraw {
  std::string account;
  int amount;
  auto depends_on() const { return must::stream<Account>(account); }
  bool be_authorized(const Actor& by) const { return by.active; }
  must::result<void> be_valid(const Account& state) const {
    if (state.balance < amount) return must::refuse("the balance is too low");
    return {};
  }
  Withdrawn be_translated_to_events() const { return {account, amount}; }
};
// Everything but the append.
struct storeless {
  using data_type = must::one_of<Deposited, Withdrawn>;
  must::append_result append(std::span<must::basic_event<data_type>> events, const must::append_condition&) {
    benchmark::DoNotOptimize(events.data());
    return must::appended{1, events.size()};
  }
  must::read_result read(const must::query&, const must::read_options&, auto&&) { return {0, 0, true}; }
  must::position head() { return 0; }
  must::version version(std::string_view) { return 0; }
  std::optional<must::recorded<data_type>> find(std::string_view, std::string_view) { return std::nullopt; }
  const must::origin& origin() const { return origin_; }
  must::origin origin_;
};

using store_type = must::memory_store<Deposited, Withdrawn>;
using event_type = std::variant<Deposited, Withdrawn>;

// By hand: a vector, a map of streams and one of ids, under a mutex.
struct record {
  std::string id;
  must::timestamp time;
  std::string stream;
  std::uint64_t version;
  std::uint64_t position;
  event_type event;
};
struct stream_of_hand {
  std::vector<std::uint64_t> positions;
};
class hand_store {
 public:
  std::uint64_t append(record made, std::optional<std::uint64_t> expected_version) {
    const std::lock_guard lock(mutex_);
    if (!ids_.emplace(made.id, log_.size() + 1).second) return 0;
    auto& stream = streams_[made.stream];
    if (expected_version && stream.positions.size() != *expected_version) return 0;
    made.version = stream.positions.size() + 1;
    made.position = log_.size() + 1;
    stream.positions.push_back(made.position);
    log_.push_back(std::move(made));
    return log_.size();
  }
  template <typename Visitor>
  std::uint64_t read(const std::string& name, Visitor&& visitor) {
    const std::lock_guard lock(mutex_);
    const auto found = streams_.find(name);
    if (found == streams_.end()) return 0;
    for (const auto position : found->second.positions) visitor(log_[position - 1]);
    return found->second.positions.size();
  }

 private:
  std::mutex mutex_;
  std::vector<record> log_;
  std::unordered_map<std::string, std::uint64_t> ids_;
  std::unordered_map<std::string, stream_of_hand> streams_;
};

record make_record(const std::string& stream, event_type event) {
  const auto now = must::system_clock::instance().now();
  return {must::uuid7_ids::instance().next(now), now, stream, 0, 0, std::move(event)};
}

std::uint64_t deposit_by_hand(const Deposit& command, hand_store& store, const Actor& by) {
  if (!command.be_authorized(by)) return 0;
  if (!command.be_valid(by)) return 0;
  return store.append(make_record(command.account, command.be_translated_to_events()), std::nullopt);
}

std::uint64_t withdraw_by_hand(const Withdraw& command, hand_store& store, const Actor& by) {
  if (!command.be_authorized(by)) return 0;
  Account state;
  const auto version = store.read(command.account, [&](const record& stored) {
    std::visit([&](const auto& event) { state.apply(event); }, stored.event);
  });
  if (!command.be_valid(state)) return 0;
  return store.append(make_record(command.account, command.be_translated_to_events()), version);
}

std::vector<std::string> names(int count) {
  std::vector<std::string> made;
  for (int i = 0; i < count; ++i) made.push_back("account-" + std::to_string(i));
  return made;
}

void by_must(benchmark::State& state) {
  const auto accounts = names(streams);
  auto store = std::make_unique<store_type>();
  std::size_t i = 0;
  for (auto _ : state)
    benchmark::DoNotOptimize(must::process_command(Deposit{accounts[i++ % streams], 1}, *store, Actor{1, true}).last);
}
void by_hand(benchmark::State& state) {
  const auto accounts = names(streams);
  auto store = std::make_unique<hand_store>();
  std::size_t i = 0;
  for (auto _ : state)
    benchmark::DoNotOptimize(deposit_by_hand(Deposit{accounts[i++ % streams], 1}, *store, Actor{1, true}));
}

void aggregate_by_must(benchmark::State& state) {
  const auto accounts = names(aggregates);
  auto store = std::make_unique<store_type>();
  for (int n = 0; n < 10; ++n)
    for (const auto& name : accounts) must::append(*store, Deposited{name, 10});
  std::size_t i = 0;
  for (auto _ : state)
    benchmark::DoNotOptimize(
        must::process_command(Withdraw{accounts[i++ % aggregates], 1}, *store, Actor{1, true}).last);
}
void aggregate_by_hand(benchmark::State& state) {
  const auto accounts = names(aggregates);
  auto store = std::make_unique<hand_store>();
  for (int n = 0; n < 10; ++n)
    for (const auto& name : accounts) store->append(make_record(name, Deposited{name, 10}), std::nullopt);
  std::size_t i = 0;
  for (auto _ : state)
    benchmark::DoNotOptimize(withdraw_by_hand(Withdraw{accounts[i++ % aggregates], 1}, *store, Actor{1, true}));
}

void refused(benchmark::State& state) {
  storeless store;
  for (auto _ : state)
    benchmark::DoNotOptimize(must::try_process_command(Deposit{"account-1", 0}, store, Actor{1, true}).has_value());
}
void accepted_without_append(benchmark::State& state) {
  storeless store;
  for (auto _ : state)
    benchmark::DoNotOptimize(must::try_process_command(Deposit{"account-1", 1}, store, Actor{1, true}).has_value());
}

BENCHMARK(by_hand)->Iterations(commands)->Repetitions(7)->MeasureProcessCPUTime();
BENCHMARK(by_must)->Iterations(commands)->Repetitions(7)->MeasureProcessCPUTime();
BENCHMARK(aggregate_by_hand)->Iterations(aggregates)->Repetitions(7)->MeasureProcessCPUTime();
BENCHMARK(aggregate_by_must)->Iterations(aggregates)->Repetitions(7)->MeasureProcessCPUTime();
BENCHMARK(accepted_without_append)->Repetitions(7)->MeasureProcessCPUTime();
BENCHMARK(refused)->Repetitions(7)->MeasureProcessCPUTime();

}  // namespace

int main(int argc, char** argv) {
  return ratios::run(
      argc, argv,
      {{"process_command, one event, 1,000 streams / by hand", "by_must", "by_hand", 1.25},
       {"process_command on a stream of 10 events / by hand", "aggregate_by_must", "aggregate_by_hand", 1.25},
       {"a refused command / an accepted one without its append", "refused", "accepted_without_append", 1.5}});
}
