#include "support/catch.hpp"
#include "support/scratch.hpp"
#include "support/skip.hpp"

#include <vef/messages/bytes.hpp>
#include <vef/supervisor/capabilities.hpp>

#include <algorithm>
#include <filesystem>
#include <random>

#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace vef;
using namespace vef::test;
using namespace std::string_literals;

namespace {

using words = std::vector<std::string>;

capability_sources node() {
  return {
      .open_library = [](const std::string& library) -> result<void> {
        if (library == "libthere.so.1") return {};
        return fail(errc::load_failed, library + ": cannot open it");
      },
      .devices =
          [] {
            return words{"cuda:0", "cuda:1", "emulated:0"};
          },
      .free_memory = [] { return 8_GiB; },
      .backends =
          [] {
            return words{"descriptors", "torch"};
          },
  };
}

/// What the error says after its beginning, which must be this one.
std::string rest(const result<void>& x, errc code, const std::string& beginning) {
  if (x) return "nothing";
  CHECK(x.error().code == code);
  if (!x.error().what.starts_with(beginning)) return "another beginning: " + x.error().what;
  return x.error().what.substr(beginning.size());
}

std::string lack(const std::string& word, const capability_sources& sources = node()) {
  return rest(check_capabilities({word}, sources), errc::missing_capability,
              "it requires " + vef::quoted(word) + ": ");
}

bool has(const std::string& word, const capability_sources& sources = node()) {
  return lack(word, sources) == "nothing";
}

std::string fault(const words& required) {
  return rest(validate_capabilities(required), errc::invalid_config, "required_capabilities: ");
}

bool valid(const std::string& word) { return fault({word}) == "nothing"; }

} // namespace

TEST_CASE("every form of a capability is valid") {
  for (auto word : {"cuda", "cuda:0", "cuda:127", "device:emulated", "library:libfoo.so.1",
                    "path:/srv/models/", "path:/srv/ my models", "path:C:x", "backend:torch", "memory:2GiB",
                    "memory:1073741824", "memory:1.5GiB", "memory:.5gib", "memory:007GB"})
    CHECK(fault({word}) == "nothing");
}

TEST_CASE("a word that is no capability is refused with the nearest kind") {
  CHECK(fault({"libary:libm.so.6"}) == "unknown capability 'libary'; did you mean 'library'?");
  CHECK(fault({"CUDA"}) == "unknown capability 'CUDA'; did you mean 'cuda'?");
  CHECK(fault({"/srv"})
        == "unknown capability '/srv': write for example cuda:0, device:cuda:0, library:libfoo.so.1, "
           "path:/srv/models, backend:torch, memory:2GiB");
}

TEST_CASE("a capability that names nothing is refused with an example") {
  CHECK(fault({""}) == "an entry is empty: take it away");
  CHECK(fault({"cuda:"}) == "'cuda:' names nothing: write for example cuda:0");
  CHECK(fault({"path"}) == "'path' names nothing: write for example path:/srv/models");
  for (auto kind : {"device", "library", "path", "backend", "memory"})
    CHECK_FALSE((valid(kind) || valid(kind + ":"s)));
  CHECK_FALSE((valid(":") || valid(":cuda")));
}

TEST_CASE("what is no amount of memory and no CUDA device is refused with an example") {
  for (auto x : {"lots", "GiB", "0", "0GiB", "0.1B", "-1GiB", "+1GiB", "1e3", "nan", "infGiB", "2 GiB",
                 "2GiBs", "2XB", "50%", "0x10", "9999999TiB", "1,5GiB"})
    CHECK(fault({"memory:"s + x})
          == "'memory:"s + x + "' is no amount of memory: write for example memory:2GiB");
  CHECK_FALSE(valid("memory:" + std::string(400, '9')));
  for (auto x : {"one", "-1", "01", "00", "1.0", "1:0", "0x1", "1000", "99999999999999999999"})
    CHECK(fault({"cuda:"s + x}) == "'cuda:"s + x + "' names no CUDA device: write for example cuda:0");
}

TEST_CASE("blanks at the ends and zero bytes are refused") {
  for (auto word : {" cuda", "cuda ", "cuda: 0", "cuda:0\t", "path: /a", "path: ", " ", "\r",
                    "backend:\vtorch", "library:libm.so.6\f"})
    CHECK(fault({word}) == vef::quoted(word) + " has blanks at its ends: take them away");
  CHECK_FALSE(valid("cuda :0"));
  CHECK(fault({"path:/\0x"s}) == "'path:/\\x00x' holds a zero byte: write for example path:/srv/models");
}

TEST_CASE("all faults are named at once, and a word that stands twice only once") {
  CHECK(fault({"cuda", "cuda:0", "cuda", "cuda"}) == "'cuda' stands twice: take one away");
  CHECK(fault({"cuda:x", "path:/fine", "nonsense", "backend:"})
        == fault({"cuda:x"}) + "; " + fault({"nonsense"}) + "; " + fault({"backend:"}));
}

TEST_CASE("a node that has all that is required passes") {
  CHECK(check_capabilities({"cuda", "cuda:1", "device:cuda:0", "device:emulated:0", "library:libthere.so.1",
                            "path:/", "backend:torch", "memory:8GiB"},
                           node()));
  CHECK(check_capabilities({}, {}));
}

TEST_CASE("a device that is missing is told with those that are there") {
  CHECK(lack("cuda:2")
        == "the accelerators are 'cuda:0', 'cuda:1', 'emulated:0': require one of them, or look whether "
           "CUDA_VISIBLE_DEVICES hides the one that you mean");
  CHECK(lack("device:cuda") == lack("cuda:2"));
  CHECK(lack("device:npu:0", {}) == "there is no accelerator: install one and its driver, or require none");
  auto others = node();
  others.devices = [] { return words{"emulated:0", "cudalike:0"}; };
  CHECK(has("device:emulated:0", others));
  for (auto word : {"cuda", "cuda:0"})
    CHECK(lack(word, others)
          == "no NVIDIA driver answers with a device: install the driver, or take '"s + word
                 + "' from required_capabilities");
}

TEST_CASE("a library or a backend type that is missing is told with what to do") {
  CHECK(lack("library:libno.so")
        == "libno.so: cannot open it: install it or add its folder to LD_LIBRARY_PATH");
  CHECK(lack("backend:trch") == "no backend type of that name is registered: did you mean 'torch'?");
  CHECK(lack("backend:onnx")
        == "no backend type of that name is registered: register it, or use a build that has it");
}

TEST_CASE("memory is enough to the byte, in powers of 1000 or of 1024") {
  auto sources = node();
  const std::pair<std::string, std::uint64_t> units[] = {
      {"", 1},        {"B", 1},       {"KB", 1000},   {"MB", 1000000},   {"GB", 1000000000},
      {"KiB", 1_KiB}, {"MiB", 1_MiB}, {"GiB", 1_GiB}, {"TiB", 1024_GiB}, {"TB", 1000000000000},
  };
  for (const auto& [unit, bytes] : units) {
    INFO(unit);
    for (auto [free, enough] : {std::pair{3 * bytes - 1, false}, std::pair{3 * bytes, true}}) {
      sources.free_memory = [free = free] { return free; };
      CHECK(has("memory:3" + unit, sources) == enough);
    }
  }
  CHECK(lack("memory:64GiB") == "8.00 GiB are free, 56.0 GiB too few: unload models or end other programs");
  CHECK(lack("memory:1B", {}) == "no memory is known to be free: unload models or end other programs");
}

TEST_CASE("all that is missing is named at once") {
  words missing{"cuda:7", "library:libno.so", "path:/no/place", "backend:onnx", "memory:9GiB"};
  std::string all;
  for (const auto& word : missing)
    all += (all.empty() ? "" : "; ") + check_capabilities({word}, node()).error().what;
  for (auto there : {"cuda", "library:libthere.so.1"}) missing.emplace(missing.begin() + 2, there);
  CHECK(rest(check_capabilities(missing, node()), errc::missing_capability, "") == all);
}

TEST_CASE("a node is asked once, only for what is required, and for nothing if a word is no capability") {
  std::string asked;
  capability_sources sources{
      .open_library = [&](const std::string&) { return asked += 'l', result<void>{}; },
      .devices = [&] { return asked += 'd', words{}; },
      .free_memory = [&] { return asked += 'm', std::uint64_t{0}; },
      .backends = [&] { return asked += 'b', words{}; },
  };
  auto wrong = check_capabilities({"library:x", "cuda", "memory:1B", "backend:x", "nonsense"}, sources);
  CHECK(rest(wrong, errc::invalid_config, "required_capabilities: ") == fault({"nonsense"}));
  CHECK(check_capabilities({"path:/"}, sources));
  CHECK(asked.empty());
  CHECK_FALSE(check_capabilities({"cuda", "cuda:0", "device:x", "memory:1B", "memory:2B"}, sources));
  CHECK(asked == "dm");
}

TEST_CASE("a path is a file or a folder, and a slash at its end demands a folder") {
  scratch files;
  auto file = "path:" + files.put("models/a model.pt");
  std::filesystem::create_symlink(files / "models", files / "link");
  std::filesystem::create_symlink(files / "gone", files / "broken");
  for (auto name : {"models", "models/", "models//", "link", "link/"}) CHECK(has("path:" + (files / name)));
  CHECK(has(file));
  CHECK(lack(file + '/')
        == "it is a file, and the slash at its end demands a folder: name a folder or take the slash away");
  for (auto name : {"nothing", "nothing/", "broken", "models/a model.pt/inside"})
    CHECK(lack("path:" + (files / name))
          == "there is no such file or folder: create it or mount what it is on");
}

TEST_CASE("a path that cannot be looked at is told with the reason, and a pipe is not waited for") {
  scratch files;
  REQUIRE(::mkfifo((files / "pipe").c_str(), 0600) == 0);
  CHECK(has("path:" + (files / "pipe")));
  std::filesystem::create_symlink("round", files / "round");
  CHECK(lack("path:" + (files / "round"))
        == "it cannot be looked at: Too many levels of symbolic links: require another path");
}

TEST_CASE("a path must be readable, and a folder searchable too") {
  scratch files;
  auto permit = [&](std::string_view name, unsigned mode) {
    std::filesystem::permissions(files / name, std::filesystem::perms{mode});
  };
  for (auto name : {"secret", "unlisted/x", "unsearchable/x", "open/x"}) files.put(name);
  permit("", 0755), permit("secret", 0), permit("unlisted", 0111), permit("unsearchable", 0444);
  auto superuser = ::geteuid() == 0;
  if (superuser && ::seteuid(65534) != 0) return report_skipped("the superuser may read everything");
  words lacks;
  for (auto name : {"secret", "unlisted", "unsearchable", "unsearchable/x", "open"})
    lacks.push_back(lack("path:" + (files / name)));
  if (superuser) {
    REQUIRE(::seteuid(0) == 0);
    ::prctl(PR_SET_DUMPABLE, 1); // which the change of user took: leak checkers need it
  }
  permit("unlisted", 0755), permit("unsearchable", 0755); // so that they can be removed
  if (superuser && lacks.back() != "nothing") return report_skipped("its folder is closed to other users");
  auto closed = "the folder cannot be read and searched: give this user the rights r and x on it";
  CHECK(lacks
        == words{"the file cannot be read: give this user the right r on it", closed, closed,
                 "it cannot be looked at: Permission denied: let this user search the folders above it",
                 "nothing"});
}

TEST_CASE("control characters come out escaped, also those in the words of others") {
  CHECK(fault({"evil\nkind:x"}).starts_with("unknown capability 'evil\\nkind'"));
  CHECK(lack("library:a\n\x1b[2Jb").starts_with("a\\n\\x1b[2Jb: cannot"));
  auto sources = node();
  sources.devices = [] { return words{"cu\nda"}; };
  sources.backends = [] { return words{"to\nrch"}; };
  CHECK(lack("device:a\rb", sources).starts_with("the accelerators are 'cu\\nda': "));
  CHECK(lack("backend:to\nrck", sources).ends_with("did you mean 'to\\nrch'?"));
}

TEST_CASE("no words make an error text of more than one line") {
  std::mt19937 random{7};
  const auto letters = "cuda:librypthmeo./0129GiB \n\r\t\x1b\x7f\0\xff\xc3\xa9"s;
  const words starts{"", "cuda", "cuda:", "device:", "library:", "path:/no/", "backend:", "memory:"};
  std::size_t refused = 0, missing = 0;
  for (int round = 0; round < 2000; ++round) {
    words required(1 + random() % 3);
    for (auto& word : required) {
      word = starts[random() % starts.size()];
      for (auto n = random() % 8; n > 0; --n) word += letters[random() % letters.size()];
    }
    auto checked = check_capabilities(required, node());
    if (checked) continue;
    ++(checked.error().code == errc::invalid_config ? refused : missing);
    auto printable = [](unsigned char c) { return c >= 0x20 && c != 0x7f; };
    REQUIRE(std::ranges::all_of(checked.error().what, printable));
  }
  CHECK(std::min(refused, missing) > 100);
}

TEST_CASE("the loader of this machine opens a library that is there and tells of one that is not") {
  auto machine = machine_capabilities(nullptr);
  CHECK(has("library:libm.so.6", machine));
  CHECK(
      lack("library:libvef-is-not-there.so.1", machine)
      == "libvef-is-not-there.so.1: cannot open shared object file: No such file or directory: install it or "
         "add its folder to LD_LIBRARY_PATH");
  scratch files;
  auto text = files.put("libtext.so", std::string(100, 'x'));
  CHECK(lack("library:" + text, machine).find("invalid ELF header") != std::string::npos);
}

TEST_CASE("this machine has some free memory, and its CUDA devices are counted from 0") {
  auto machine = machine_capabilities(nullptr);
  CHECK(has("memory:1B", machine));
  CHECK_FALSE(has("memory:8000000TiB", machine));
  auto devices = machine.devices();
  for (std::size_t i = 0; i < devices.size(); ++i) CHECK(devices[i] == "cuda:" + std::to_string(i));
  CHECK(has("cuda", machine) == !devices.empty());
  CHECK_FALSE(has("cuda:" + std::to_string(devices.size()), machine));
}

TEST_CASE("the backends of this machine are the registered types, also those that came later") {
  auto types = std::make_shared<backend_types>();
  auto machine = machine_capabilities(types);
  CHECK_FALSE(has("backend:mine", machine));
  REQUIRE(types->add("mine", {}, [](const backend_settings&) -> result<std::unique_ptr<backend>> {
    return fail(errc::load_failed, "a check of capabilities makes no backend");
  }));
  CHECK(has("backend:mine", machine));
  CHECK_FALSE(has("backend:mine", machine_capabilities(nullptr)));
}
