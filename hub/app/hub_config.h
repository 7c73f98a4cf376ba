// The hub's configuration: DIR/hub.toml. `init` writes it with every key and its
// default explained (hub/app/data/hub.toml.in); an unknown key is an error.
//
// Threads: values.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/runtime/file.h"
#include "noroshi/v1/journal.pb.h"

namespace noroshi::app {

inline constexpr size_t kAlertRulesMax = 200;

struct HubConfig {
  std::string name;
  std::string listen;                   // "HOST:PORT"
  std::vector<std::string> host_names;  // In the server's certificate.
  std::string public_address;           // In agents' tokens; empty: the listening address.
  std::string admin_group;
  std::string web_listen;          // "HOST:PORT" for browsers and programs; empty: nowhere.
  std::string web_public_address;  // "HOST:PORT" by which they reach it; empty: where it listens.
  std::vector<std::string> web_metrics_from;  // Addresses that may read /metrics.
  std::string oidc_issuer;                    // Empty: no OpenID Connect.
  std::string oidc_client_id;
  std::string oidc_client_secret_file;
  std::string oidc_acr;
  std::string oidc_ca_file;
  uint64_t free_space_reserve_bytes = 0;
  int analysis_workers = 0;
  uint64_t memory_budget_bytes = 0;  // Submissions under way, over all agents.
  int connections_max = 0;
  int connections_per_organization_max = 0;
  uint64_t rate_bytes_per_organization = 0;        // Submission bytes a second, sustained.
  uint64_t rate_submissions_per_organization = 0;  // Submissions a second, sustained.
  v1::AlertRulesSet alert_rules;
};

// Where things lie below the data folder.
struct Layout {
  explicit Layout(std::string data_folder);

  std::string data;
  std::string config;   // hub.toml
  std::string journal;  // RocksDB: the truth
  std::string state;    // RocksDB: can be rebuilt
  std::string search;   // Xapian: is made anew if it is not there
  std::string keys;     // master.key, log.key; mode 0700
  std::string ca;       // certificate authority; mode 0700
  std::string run;      // address, admin.sock
  std::string master_key;
  std::string log_key;
  std::string address;
  std::string web_address;
  std::string admin_socket;
  std::string lock;  // Held by whoever owns the data.
};

Result<HubConfig> LoadHubConfig(FileSystem& files, const std::string& path);

// Every name that the server's certificate holds: the configured ones, and the
// hosts of the listening and of the public address, each once. Agents check the
// name that they dial.
std::vector<std::string> ServerNames(const HubConfig& config);

// By which names browsers may call the web server: the same, and its own addresses'.
std::vector<std::string> WebNames(const HubConfig& config);

// The text of a new hub.toml. Addresses and host_names have been validated.
std::string NewHubConfigText(const std::string& name, const std::string& listen,
                             const std::string& web_listen,
                             const std::vector<std::string>& host_names);

}  // namespace noroshi::app
