// Strangers: connections of which nobody knows yet who they are: handshakes under
// way, and enrolments. They are few, and nobody can keep others out by holding
// many: beyond the maximum the oldest connection of the network with the most of
// them gives way. Whoever means it is done within milliseconds and never oldest.
//
// Threads: intake's.
#pragma once

#include <cstddef>
#include <list>
#include <string>

namespace noroshi::intake {

class Session;

class Strangers {
 public:
  explicit Strangers(size_t max) : max_(max) {}

  // Who must give way, and is no longer counted; nullptr: nobody.
  Session* Add(Session* session, const std::string& peer_address);
  // Known by now, or gone. Idempotent.
  void Remove(const Session* session);
  size_t size() const { return all_.size(); }

 private:
  struct Stranger {
    Session* session;
    std::string network;
  };
  const size_t max_;
  std::list<Stranger> all_;  // Oldest first; at most max_, so that scans are short.
};

}  // namespace noroshi::intake
