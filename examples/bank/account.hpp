// SPDX-License-Identifier: MIT
// Accounts: an aggregate, and the commands on it.
#pragma once

#include <must/codec/json.hpp>
#include <must/must.hpp>

#include <string>

namespace bank {

struct Opened {
  static constexpr auto type = "bank.opened";
  std::string account, owner;
  std::string stream() const { return "account/" + account; }
};
struct Deposited {
  static constexpr auto type = "bank.deposited";
  std::string account, transfer;  // of the transfer that it belongs to, if any
  int amount;
  std::string stream() const { return "account/" + account; }
};
struct Withdrawn {
  static constexpr auto type = "bank.withdrawn";
  std::string account, transfer;
  int amount;
  std::string stream() const { return "account/" + account; }
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Opened, account, owner)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Deposited, account, transfer, amount)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Withdrawn, account, transfer, amount)

struct Account {
  using events = must::events<Opened, Deposited, Withdrawn>;
  bool open = false;
  int balance = 0;

  void apply(const Opened&) { open = true; }
  void apply(const Deposited& deposit) { balance += deposit.amount; }
  void apply(const Withdrawn& withdrawal) { balance -= withdrawal.amount; }
};

struct Open {
  std::string account, owner;

  auto depends_on() const { return must::stream<Account>("account/" + account); }
  static constexpr auto be_authorized = must::anyone;
  void be_valid(const Account& state) const { must::ensure(!state.open, "the account is open already"); }
  Opened be_translated_to_events() const { return {account, owner}; }
};

struct Deposit {
  std::string account, transfer;
  int amount;

  auto depends_on() const { return must::stream<Account>("account/" + account); }
  static constexpr auto be_authorized = must::anyone;
  void be_valid(const Account& state) const {
    must::ensure(amount > 0, "the amount must be positive");
    must::ensure(state.open, "account " + account + " is not open");
  }
  Deposited be_translated_to_events() const { return {account, transfer, amount}; }
};

struct Withdraw {
  std::string account, transfer;
  int amount;

  auto depends_on() const { return must::stream<Account>("account/" + account); }
  static constexpr auto be_authorized = must::anyone;
  void be_valid(const Account& state) const {
    must::ensure(amount > 0, "the amount must be positive");
    must::ensure(state.balance >= amount, "the balance of " + account + " is too low");
  }
  Withdrawn be_translated_to_events() const { return {account, transfer, amount}; }
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Deposit, account, transfer, amount)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Withdraw, account, transfer, amount)

}  // namespace bank
