// SPDX-License-Identifier: MIT
// context: a bounded context, or a tenant, with a store that looks like its own.
#pragma once

#include "must/error.hpp"
#include "must/fwd.hpp"
#include "must/origin.hpp"
#include "must/query.hpp"
#include "must/record.hpp"
#include "must/result.hpp"
#include "must/storage.hpp"
#include "must/storage/abilities.hpp"
#include "must/storage/kit/decorator.hpp"
#include "must/storage/kit/validate.hpp"
#include "must/storage/transactional.hpp"
#include "must/stored_names.hpp"
#include "must/text/base64.hpp"
#include "must/text/quoted.hpp"

#include <unistd.h>
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace must {

/// A storage that shares a store with other contexts, and sees only its own events: `context sales(store, "sales");`.
///
/// In the shared store, its streams start with "sales/", its cells with "context/sales/", and its events have the tag
/// "context:sales". A tag "context:x" that is given to it is stored as "context:sales/x", so that text from outside
/// reaches no other context. Its users see none of that. New events get the source of its origin().
/// Positions are those of the shared store, so they have gaps. The limits are lower by the prefix and one tag. Each
/// context needs a source of its own, since the shared store takes an event id once for each source.
/// A context may be in a context. The outer one sees its events, in streams that start with "//<name>/" and with the
/// tag "context://<name>". Whoever has the outer one may read such streams and tags, and only the inner one writes
/// them. A context is a CellStorage, BatchStorage and so on when S is. A read copies each event.
template <Storage S>
class context : public kit::decorator<S> {
  using base = kit::decorator<S>;

 public:
  using typename base::data_type;
  using typename base::event;

  /// Makes a context in a store.
  /// \param storage  the store, which outlives the context
  /// \param name     the name of the context: 1 to 200 bytes without "/"
  /// \param origin   what new events get. By default it is that of the store, with "/<name>" after its source.
  /// \throws bad_input  when the name or the source of the origin is out of range
  /// \throws bad_input  for a store whose limits leave no room for the prefix and the tag
  context(S& storage, std::string name, std::optional<must::origin> origin = {})
      : base(storage),
        name_(checked(std::move(name))),
        prefix_(is_inner ? inner_names + name_ + "/" : name_ + "/"),
        tag_(std::string(stored_names::context_tags) + (is_inner ? inner_names : "") + name_),
        mark_(mark_in(storage)),
        cells_(std::string(stored_names::context_cells) + name_ + "/"),
        origin_(origin ? *std::move(origin) : origin_in(storage)) {
    kit::check_name("source", origin_.source);
    if constexpr (LimitedStorage<S>) limits_ = storage.limits();
    if (limits_.name_bytes <= std::max(prefix_.size(), mark_.size()))
      kit::refuse_input("name", "leaves no room in the " + std::to_string(limits_.name_bytes) +
                                    " bytes that the storage allows for a name");
    if (limits_.tags_per_event == 0) kit::refuse_input("storage", "allows no tag, and a context needs one");
    limits_.name_bytes -= prefix_.size();
    --limits_.tags_per_event;
  }

  /// Appends events to this context. \see Storage
  /// \throws bad_input  for input beyond limits(), and for a stream or a tag of a context in this one
  /// \throws ...        what the append of the shared store throws
  append_result append(std::span<event> events, const append_condition& condition) {
    check(events, condition);
    const marked mine(*this, events);
    return own(this->storage().append(events, stored(condition)));
  }
  /// Appends many at once to this context. \see BatchStorage
  std::vector<result<append_result>> append_batch(std::span<batch_item<data_type>> items)
    requires BatchStorage<S>
  {
    std::vector<std::optional<error>> refused(items.size());
    std::vector<batch_item<data_type>> good;
    std::vector<marked> mine;
    mine.reserve(items.size());
    for (std::size_t i = 0; i < items.size(); ++i) {
      try {
        check(items[i].events, items[i].condition);
        mine.emplace_back(*this, items[i].events);
        good.push_back({items[i].events, stored(items[i].condition)});
      } catch (const exception& why) {
        refused[i] = why.error();
      }
    }
    std::vector<result<append_result>> answers;
    if (!good.empty()) answers = this->storage().append_batch(good);
    std::vector<result<append_result>> all;
    all.reserve(items.size());
    std::size_t next = 0;
    for (auto& why : refused) {
      if (why) {
        all.push_back(unexpected<error>(*std::move(why)));
        continue;
      }
      auto& answer = answers[next++];
      if (answer)
        all.push_back(own(*std::move(answer)));
      else
        all.push_back(std::move(answer));
    }
    return all;
  }
  /// Appends events and runs `work` in the same transaction. The transaction is that of the shared store, and meanwhile
  /// `events` have their prefix and their tag. \see TransactionalStorage
  append_result append_with(std::span<event> events, const append_condition& condition, const auto& work)
    requires TransactionalStorage<S>
  {
    check(events, condition);
    const marked mine(*this, events);
    return own(this->storage().append_with(events, stored(condition), work));
  }

  /// Reads the events of this context. \see Storage
  template <typename Visitor>
  read_result read(const query& which, const read_options& options, Visitor&& visitor) {
    kit::check_read(which, options, limits_.name_bytes);
    auto wanted = options;
    read_result before;
    if (options.with_last_event) before = read_last(wanted);
    auto done = this->storage().read(stored(which), wanted, [&](const recorded<data_type>& record) {
      auto shown = record;
      unmark(shown);
      return visitor(std::as_const(shown));
    });
    if (!options.with_last_event) return done;
    done.head = before.head;
    done.last_event = std::move(before.last_event);
    return done;
  }
  /// Returns the version of a stream of this context, 0 when there is none. \see Storage
  [[nodiscard]] must::version version(std::string_view stream) {
    kit::check_name("stream", stream, limits_.name_bytes);
    return this->storage().version(prefix_ + std::string(stream));
  }
  /// Returns the event of that source and id, if this context has one. \see Storage
  [[nodiscard]] std::optional<recorded<data_type>> find(std::string_view source, std::string_view id) {
    auto found = this->storage().find(source, id);
    if (!found || !found->tags.contains(tag_)) return std::nullopt;
    unmark(*found);
    return found;
  }
  /// Returns what new events get. The source is that of this context. \see Storage
  [[nodiscard]] const must::origin& origin() const noexcept { return origin_; }
  /// Returns the limits of the shared store, less the prefix and one tag. \see LimitedStorage
  [[nodiscard]] const must::limits& limits() const noexcept { return limits_; }
  /// Returns the secret that contexts in this one mark their events with. \see kit::HoldsContexts
  [[nodiscard]] const std::string& inner_grant() const noexcept { return grant_; }
  /// Returns the name of the context.
  [[nodiscard]] const std::string& name() const noexcept { return name_; }

  /// Returns the cell under a key of this context, if there is one. \see CellStorage
  [[nodiscard]] std::optional<cell> get(std::string_view key)
    requires CellStorage<S>
  {
    return this->storage().get(cell_key(key));
  }
  /// Puts a cell whose revision is the expected one, and says whether it did. \see CellStorage
  bool put(std::string_view key, std::string_view bytes, std::uint64_t expected_revision)
    requires CellStorage<S>
  {
    return this->storage().put(cell_key(key), bytes, expected_revision);
  }
  /// Puts a cell and runs `work` in the same transaction. \see TransactionalStorage
  bool put_with(std::string_view key, std::string_view bytes, std::uint64_t expected_revision, const auto& work)
    requires TransactionalStorage<S>
  {
    return this->storage().put_with(cell_key(key), bytes, expected_revision, work);
  }
  /// Removes a cell whose revision is the expected one, and says whether it did. \see CellRemovalStorage
  bool remove(std::string_view key, std::uint64_t expected_revision)
    requires CellRemovalStorage<S>
  {
    return this->storage().remove(cell_key(key), expected_revision);
  }
  /// Returns the keys of this context that start with a prefix, sorted bytewise. \see CellStorage
  [[nodiscard]] std::vector<std::string> list(std::string_view prefix)
    requires CellStorage<S>
  {
    auto keys = this->storage().list(cells_ + std::string(prefix));
    for (auto& key : keys) key.erase(0, cells_.size());
    return keys;
  }

 private:
  // Events as they are stored, until the end of a scope.
  class marked {
   public:
    marked(context& whose, std::span<event> events) : whose_(&whose), events_(events.first(0)) {
      try {
        for (auto& one : events) {
          whose.mark(one);
          events_ = events.first(events_.size() + 1);
        }
      } catch (...) {
        for (auto& one : events_) whose.unmark(one);
        throw;
      }
    }
    marked(marked&& other) noexcept : whose_(std::exchange(other.whose_, nullptr)), events_(other.events_) {}
    marked& operator=(marked&&) = delete;
    ~marked() {
      if (whose_ == nullptr) return;
      for (auto& one : events_) whose_->unmark(one);
    }

   private:
    context* whose_;
    std::span<event> events_;
  };

  // Where a context is in a context, its streams, and its tag after "context:", start with this.
  static constexpr bool is_inner = kit::HoldsContexts<S>;
  static constexpr const char* inner_names = "//";

  static std::string checked(std::string name) {
    kit::check_name("name", name);
    if (name.size() > 200) kit::refuse_input("name", "is longer than 200 bytes");
    if (name.find('/') != std::string::npos) kit::refuse_input("name", detail::text::in_quotes(name) + " has a \"/\"");
    return name;
  }
  must::origin origin_in(S& storage) const {
    auto made = storage.origin();
    made.source += "/" + name_;
    return made;
  }
  // The tag that events are given. An outer context believes the one that holds its secret.
  [[nodiscard]] std::string mark_in(S& storage) const {
    if constexpr (is_inner)
      return std::string(stored_names::context_tags) + storage.inner_grant() + name_;
    else
      return tag_;
  }
  static std::string made_grant() {
    char bytes[12];
    if (::getentropy(bytes, sizeof bytes) != 0)
      raise({.code = error_code::storage_error,
             .message = "the system gives no random numbers",
             .operation = "getentropy"});
    return inner_names + detail::text::to_base64({bytes, sizeof bytes});
  }
  [[nodiscard]] bool is_granted(std::string_view tag) const {
    return tag.starts_with(stored_names::context_tags) &&
           tag.substr(stored_names::context_tags.size()).starts_with(grant_);
  }
  void check(std::span<const event> events, const append_condition& condition) const {
    kit::check_append(events, condition, limits_);
    const auto is_of_inner = [](std::string_view name) { return name.starts_with(inner_names); };
    for (const auto& one : events) {
      if (std::any_of(one.tags.begin(), one.tags.end(), [&](const auto& tag) { return is_granted(tag); })) continue;
      if (is_of_inner(one.subject))
        kit::refuse_input("stream", detail::text::in_quotes(one.subject) + " is that of a context in this one");
      for (const std::string_view tag : one.tags)
        if (tag.starts_with(stored_names::context_tags) && is_of_inner(tag.substr(stored_names::context_tags.size())))
          kit::refuse_input("tag", detail::text::in_quotes(tag) + " is that of a context in this one");
    }
  }
  // Tags that look like those of contexts are kept as tags of this one.
  [[nodiscard]] std::string stored_tag(std::string tag) const {
    if (tag.starts_with(stored_names::context_tags)) tag.insert(stored_names::context_tags.size(), prefix_);
    return tag;
  }
  void mark(event& one) const {
    auto subject = one.subject.empty() ? std::string() : prefix_ + one.subject;
    std::vector<std::string> tags(one.tags.begin(), one.tags.end());
    for (auto& tag : tags) {
      if (is_granted(tag)) tag.replace(stored_names::context_tags.size(), grant_.size(), inner_names);
      tag = stored_tag(std::move(tag));
    }
    tags.push_back(mark_);
    one.tags = tag_set(std::move(tags));
    one.subject = std::move(subject);
  }
  // An event that was moved from has nothing to take away. One that an outer context has refused has the secret.
  template <typename Event>
  void unmark(Event& one) const {
    if (one.subject.starts_with(prefix_)) one.subject.erase(0, prefix_.size());
    if (!one.tags.contains(tag_) && !one.tags.contains(mark_)) return;
    auto tags = std::move(one.tags).release();
    std::erase_if(tags, [&](const auto& tag) { return tag == tag_ || tag == mark_; });
    for (auto& tag : tags)
      if (tag.starts_with(tag_ + "/")) tag.erase(stored_names::context_tags.size(), prefix_.size());
    one.tags = tag_set(std::move(tags));
  }
  [[nodiscard]] query stored(const query& which) const {
    if (which.is_all()) return query::of_tags({tag_});
    auto items = which.items();
    for (auto& item : items) {
      for (auto& tag : item.tags) tag = stored_tag(std::move(tag));
      item.tags.push_back(tag_);
      if (item.stream) item.stream->insert(0, prefix_);
    }
    return query(std::move(items));
  }
  // Finds the last event of this context, and bounds a read to what there is now. The last event of the shared store
  // may be that of another context, which is not told.
  read_result read_last(read_options& wanted) {
    seen_event last;
    auto done = this->storage().read(
        stored(query::all()), {.order = direction::backwards, .limit = 1},
        [&](const recorded<data_type>& record) { last = {record.position, record.source, record.id}; });
    wanted.with_last_event = false;
    wanted.until = std::min(wanted.until, done.head);
    done.last_event = std::move(last);
    return done;
  }
  [[nodiscard]] append_condition stored(append_condition condition) const {
    condition.query = stored(condition.query);
    for (auto& expectation : condition.streams) expectation.stream.insert(0, prefix_);
    return condition;
  }
  [[nodiscard]] append_result own(append_result answer) const {
    if (answer.stored() || answer.why().stream.empty()) return answer;
    auto why = answer.why();
    why.stream.erase(0, prefix_.size());
    return why;
  }
  [[nodiscard]] std::string cell_key(std::string_view key) const {
    kit::check_name("key", key, must::limits{}.name_bytes - cells_.size());
    return cells_ + std::string(key);
  }

  std::string name_, prefix_, tag_, mark_, cells_;
  std::string grant_ = made_grant();
  must::origin origin_;
  must::limits limits_{};
};

}  // namespace must
