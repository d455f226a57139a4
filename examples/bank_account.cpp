// SPDX-License-Identifier: MIT
// An aggregate: the account is folded from its stream, and every command is decided on it as it stands.
//
//   bank_account [--store memory|sqlite:FILE|avro:FILE|postgres:CONNINFO|durable:DIR|s3:URL]
//
// A URL of S3 is such as http://host:9000/bucket/prefix. The keys are in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.
#include <must/codec/json.hpp>
#include <must/must.hpp>
#include <must/storage/avro.hpp>
#include <must/storage/durable.hpp>
#include <must/storage/memory.hpp>
#include <must/storage/objects/directory.hpp>
#include <must/storage/objects/s3.hpp>
#include <must/storage/postgres.hpp>
#include <must/storage/sqlite.hpp>

#include <iostream>
#include <string>
#include <utility>

struct Opened {
  static constexpr auto type = "Opened";
  std::string stream, owner;
};
struct Deposited {
  static constexpr auto type = "Deposited";
  std::string stream;
  int amount;
};
struct Withdrawn {
  static constexpr auto type = "Withdrawn";
  std::string stream;
  int amount;
};

// Databases keep bytes: this is how the events become JSON and come back.
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Opened, stream, owner)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Deposited, stream, amount)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Withdrawn, stream, amount)

struct Account {
  using events = must::events<Opened, Deposited, Withdrawn>;
  bool open = false;
  int balance = 0;

  void apply(const Opened&) { open = true; }
  void apply(const Deposited& deposit) { balance += deposit.amount; }
  void apply(const Withdrawn& withdrawal) { balance -= withdrawal.amount; }
};

struct OpenAccount {
  std::string account, owner;

  auto depends_on() const { return must::stream<Account>(account); }
  static constexpr auto be_authorized = must::anyone;
  void be_valid(const Account& state) const { must::ensure(!state.open, "the account is open already"); }
  Opened be_translated_to_events() const { return {account, owner}; }
};

struct Deposit {
  std::string account;
  int amount;

  auto depends_on() const { return must::stream<Account>(account); }
  static constexpr auto be_authorized = must::anyone;
  void be_valid(const Account& state) const {
    must::ensure(amount > 0, "the amount must be positive");
    must::ensure(state.open, "the account is not open");
  }
  Deposited be_translated_to_events() const { return {account, amount}; }
};

struct Withdraw {
  std::string account;
  int amount;

  auto depends_on() const { return must::stream<Account>(account); }
  static constexpr auto be_authorized = must::anyone;
  void be_valid(const Account& state) const {
    must::ensure(amount > 0, "the amount must be positive");
    must::ensure(state.balance >= amount, "the balance is too low");
  }
  Withdrawn be_translated_to_events() const { return {account, amount}; }
};

// Two streams in one decision, and in one atomic append. Two states of one type are told apart by a type each.
struct From : Account {};
struct To : Account {};

struct Transfer {
  std::string from, to;
  int amount;

  auto depends_on() const { return must::all_of(must::stream<From>(from), must::stream<To>(to)); }
  static constexpr auto be_authorized = must::anyone;
  void be_valid(const From& source, const To& target) const {
    must::ensure(source.balance >= amount, "the balance is too low");
    must::ensure(target.open, "the account to pay to is not open");
  }
  std::pair<Withdrawn, Deposited> be_translated_to_events() const { return {{from, amount}, {to, amount}}; }
};

// The same on every store.
template <must::Storage Store>
void use(Store& store) {
  must::process_command(OpenAccount{"alice", "Alice"}, store);
  must::process_command(OpenAccount{"bob", "Bob"}, store);
  must::process_command(Deposit{"alice", 100}, store);
  const auto withdrawn = must::process_command(Withdraw{"alice", 30}, store, must::return_state);
  std::cout << "alice has " << withdrawn.state.balance << " left\n";
  const auto transfer = must::process_command(Transfer{"alice", "bob", 50}, store);
  std::cout << "the transfer is events " << transfer.first << " to " << transfer.last << '\n';

  try {
    must::process_command(Withdraw{"alice", 21}, store);
  } catch (const must::invalid& refusal) {
    std::cout << "refused: " << refusal.what() << '\n';
  }

  for (const auto* name : {"alice", "bob"}) {
    const auto account = must::load(store, must::stream<Account>(name));
    std::cout << name << ": " << account.state.balance << " at version " << account.version << '\n';
  }
}

// What a URL says of a bucket.
must::s3_options bucket_at(const std::string& url) {
  const auto bucket = url.find('/', url.find("://") + 3);
  const auto prefix = url.find('/', bucket + 1);
  must::s3_options options{.endpoint = url.substr(0, bucket)};
  if (bucket != url.npos) options.bucket = url.substr(bucket + 1, prefix - bucket - 1);
  if (prefix != url.npos) options.prefix = url.substr(prefix + 1) + '/';
  return options;
}

int main(int argc, char** argv) try {
  const std::string where = argc == 3 && argv[1] == std::string("--store") ? argv[2] : "memory";
  if (where.starts_with("sqlite:")) {
    must::sqlite_store store({.path = where.substr(7)});
    use(store);
  } else if (where.starts_with("avro:")) {
    must::avro_store store({.path = where.substr(5)});
    use(store);
  } else if (where.starts_with("postgres:")) {
    must::postgres_store store({.conninfo = where.substr(9), .schema = "bank_account"});
    use(store);
  } else if (where.starts_with("durable:")) {
    must::durable_store store(must::directory_objects({.path = where.substr(8)}));
    use(store);
  } else if (where.starts_with("s3:")) {
    must::durable_store store(must::s3_objects(bucket_at(where.substr(3))));
    use(store);
  } else {
    must::memory_store<Opened, Deposited, Withdrawn> store;
    use(store);
  }
} catch (const must::exception& why) {
  std::cerr << why.what() << '\n';
  return 1;
}
