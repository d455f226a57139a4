// SPDX-License-Identifier: MIT
// Makes the basic_event that a store takes of an event of the program.
#pragma once

#include "must/codec/versions.hpp"
#include "must/event.hpp"
#include "must/origin.hpp"
#include "must/record.hpp"
#include "must/storage/kit/validate.hpp"
#include "must/stored_names.hpp"
#include "must/text/quoted.hpp"
#include "must/timestamp.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace must::detail::pipeline {

template <typename Text>
std::string to_string_of(const Text& text) {
  const auto viewed = to_type_name(text);
  return std::string(viewed.data(), viewed.size());
}

// Returns the stream of an event, which is empty when the event names none.
template <typename Event>
std::string stream_of(const Event& event) {
  if constexpr (stream_is_data<Event>)
    return to_string_of(event.stream);
  else if constexpr (stream_is_function<Event>)
    return to_string_of(event.stream());
  else
    return {};
}

template <typename Event>
tag_set tags_of(const Event& event) {
  std::vector<std::string> tags;
  if constexpr (tags_are_data<Event>)
    for (const auto& tag : event.tags) tags.push_back(to_string_of(tag));
  else if constexpr (tags_are_function<Event>)
    for (auto&& named = event.tags(); const auto& tag : named) tags.push_back(to_string_of(tag));
  return tag_set(std::move(tags));
}

// Returns the partition key of an event, which is empty when the event names none.
template <typename Event>
std::string partition_key_of(const Event& event) {
  if constexpr (partition_key_is_data<Event>)
    return to_string_of(event.partition_key);
  else if constexpr (partition_key_is_function<Event>)
    return to_string_of(event.partition_key());
  else
    return {};
}

// Metadata uses no name that is reserved for CloudEvents, for stores, or for `must` itself.
inline void check_metadata(const attributes& entries) {
  for (const auto& [name, value] : entries) {
    if (name.starts_with("must"))
      kit::refuse_input("metadata", text::in_quotes(name) + " is reserved: it starts with \"must\"");
    using namespace stored_names::extension;
    if (name == sequence || name == streamversion || name == recordedtime)
      kit::refuse_input("metadata", text::in_quotes(name) + " is the name of what an export adds to a stored event");
    kit::check_extension(name, value, "metadata");
  }
}

// What all events of one command or append have in common.
struct event_context {
  const must::origin& origin;
  timestamp now;
  std::string_view stream{};  // The stream of events that name none.
  const attributes* metadata = nullptr;
};

// Makes what does not depend on the type of an event. It is compiled once a store.
template <typename Data>
basic_event<Data> describe_event(Data data, std::string_view type, std::string stream, const event_context& context) {
  basic_event<Data> made{.data = std::move(data)};
  made.source = context.origin.source;
  made.type = type;
  made.subject = stream.empty() ? std::string(context.stream) : std::move(stream);
  made.time = context.now;
  if (context.metadata != nullptr) made.extensions = *context.metadata;
  return made;
}

// Makes an event with everything but an id.
template <typename Data, typename Event>
basic_event<Data> make_event(const Event& event, const event_context& context) {
  constexpr auto name = event_type<Event>();
  auto made = describe_event(coding::to_data<Data>(event), {name.data(), name.size()}, stream_of(event), context);
  if constexpr (!coding::keeps_structs<Data> && schema_version<Event> != 1)
    made.extensions.insert_or_assign(stored_names::extension::schema_version, std::int32_t{schema_version<Event>});
  if constexpr (has_partition_key<Event>)
    if (auto key = partition_key_of(event); !key.empty())
      made.extensions.insert_or_assign(stored_names::extension::partition_key, std::move(key));
  made.tags = tags_of(event);
  return made;
}

}  // namespace must::detail::pipeline
