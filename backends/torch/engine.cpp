#include <vef/backends/torch/accelerator.hpp>
#include <vef/backends/torch/arena.hpp>
#include <vef/backends/torch/own_blas.hpp>
#include <vef/backends/torch/parts.hpp>
#include <vef/backends/torch/program.hpp>

#include <ATen/ops/empty.h>
#include <ATen/Parallel.h>
#include <ATen/Tensor.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>

namespace vef {

namespace {

// LibTorch's messages run over many lines and may quote bytes of the file.
std::string one_line(std::string_view text) {
  constexpr std::size_t longest = 600;
  // Of an interpreter's traceback the last line has the reason.
  if (auto p = text.rfind("RuntimeError: "); p != text.npos) text.remove_prefix(p + 14);
  text = text.substr(0, text.find("\nException raised from"));
  std::string out;
  for (char c : text) {
    auto blank = c == ' ' || c == '\n' || c == '\t';
    if (blank && (out.empty() || out.back() == ' ')) continue;
    auto byte = static_cast<unsigned char>(c);
    out += blank ? ' ' : byte < 0x20 || byte == 0x7f ? '?' : c;
    if (out.size() >= longest) return out + "...";
  }
  while (!out.empty() && (out.back() == ' ' || out.back() == '.')) out.pop_back();
  return out.empty() ? "LibTorch gave no reason" : out;
}

// Inside a TorchScript interpreter the type of an exception is lost, so its text has to tell.
bool says_out_of_memory(std::string_view text) {
  for (auto phrase :
       {"can't allocate memory", "not enough memory", "out of memory", "bad_alloc", "bad allocation"}) {
    if (text.find(phrase) != text.npos) return true;
  }
  return false;
}

tl::unexpected<error> failure(errc code, std::string_view text) {
  return fail(says_out_of_memory(text) ? errc::out_of_memory : code, one_line(text));
}

template <class F> auto translated(errc code, F&& call) -> decltype(call()) {
  try {
    return call();
  } catch (const refusal& e) {
    return fail(e.why);
  } catch (const c10::OutOfMemoryError& e) {
    return fail(errc::out_of_memory, one_line(e.what_without_backtrace()));
  } catch (const std::bad_alloc&) {
    return fail(errc::out_of_memory, "no memory left");
  } catch (const c10::Error& e) {
    return failure(code, e.what_without_backtrace());
  } catch (const std::exception& e) {
    return failure(code, e.what());
  } catch (...) {
    return fail(code, "an exception of unknown type");
  }
}

std::string shape(at::IntArrayRef sizes) {
  std::string out = "[";
  for (auto n : sizes) out += (out.size() > 1 ? ", " : "") + std::to_string(n);
  return out + "]";
}

// The number of threads belongs to the calling thread and stays; setting it throws caches away, so only a
// change is worth it.
void use_threads(unsigned threads) {
  auto wanted = static_cast<int>(threads > 0 ? threads : 1);
  if (at::get_num_threads() != wanted) at::set_num_threads(wanted);
}

class torch_network final : public network {
public:
  explicit torch_network(const network_spec& spec)
      : spec_(spec)
      , device_(torch_device(spec.device))
      , working_(spec.emulated)
      , share_(device_) {
    auto package = spec.file.ends_with(".pt2");
    find_cuda();
    use_own_blas();
    install_pieces();
    if (device_.is_cuda()) open_cuda(device_);
    use_threads(spec.load.threads);
    c10::InferenceMode inference;
    program_ = spec.planned ? load_plan(spec) : package ? load_package(spec) : load_torchscript(spec);
    tried_ = spec.planned != nullptr; // its shapes are known to fit
    if (program_->serves() && !tried_) try_out();
  }

  ~torch_network() override {
    program_.reset();
    empty_cache(device_);
  }

  result<void> forward(const write_input& write, vector_rows rows, const embed_context& context) override {
    auto kept = working_.bytes() > 0;
    auto done = try_forward(write, rows, context);
    if (done || done.error().code != errc::out_of_memory) return done;
    // Small tensors may lie in large pieces that an earlier pass left: a pass that begins with nothing needs
    // less.
    working_.give_back_idle();
    return kept ? try_forward(write, rows, context) : done;
  }

  result<void> move_to(const load_context& to) override {
    auto done = translated(errc::load_failed, [&]() -> result<void> {
      use_threads(to.threads);
      c10::InferenceMode inference;
      auto before = program_->tier();
      program_->move_to(to.tier);
      if (program_->serves() && !tried_) {
        try {
          try_out();
        } catch (...) {
          program_->move_to(before);
          throw;
        }
      }
      return {};
    });
    if (!done || !program_->serves()) give_back_idle();
    return done;
  }

  void limit_working(std::uint64_t bytes) override {
    working_.limit(bytes);
    share_.limit(bytes);
    if (bytes == 0)
      empty_cache(device_);
    else
      share_.trim();
  }

  // LibTorch keeps what passes leave on a CUDA device for all models together: of that, what this model may
  // have left there.
  model_memory memory() const override {
    auto expected = spec_.planned && program_->serves() ? spec_.planned->working_bytes : 0;
    model_memory out{program_->weights(), {}};
    if (!device_.is_cuda()) {
      out.working = {{spec_.emulated ? spec_.device : "host", std::max(working_.bytes(), expected)}};
    } else {
      auto kept = std::min<std::uint64_t>(cached_bytes(device_), on_device_);
      out.working = {{"host", working_.bytes()}, {spec_.device, std::max(kept, expected)}};
    }
    return out;
  }

  vef::tier tier() const override { return program_->tier(); }
  unsigned concurrency() const override { return program_->concurrency(); }
  bool moves_while_embedding() const override { return program_->moves_while_running(); }

private:
  result<void> try_forward(const write_input& write, vector_rows rows, const embed_context& context) {
    return translated(errc::embed_failed, [&]() -> result<void> {
      if (!program_->serves())
        return fail(errc::invalid_argument, "its weights are in a tier that does not serve");
      use_threads(context.threads);
      c10::InferenceMode inference;
      auto bytes =
          spec_.planned && device_.is_cpu() ? pass_in_parts(write, rows, context.threads) : pass(write, rows);
      if (context.working) *context.working = bytes;
      return {};
    });
  }

  // One pass when the model is loaded: what does not fit its description is found now, not by the first
  // request.
  void try_out() {
    auto zeros = [](std::span<float> input) { std::memset(input.data(), 0, input.size_bytes()); };
    std::vector<float> vector(spec_.dim);
    std::span<float> row{vector};
    try {
      pass(zeros, vector_rows{&row, 1});
    } catch (const refusal& e) {
      throw refusal{{errc::invalid_config, e.why.what}};
    }
    tried_ = true;
  }

  // Gives the most bytes of working memory that it held at once: of the device where it runs.
  std::uint64_t pass(const write_input& write, vector_rows rows) {
    working_set::pass under_way{working_};
    device_use use{device_};
    auto pictures = static_cast<std::int64_t>(rows.size());
    {
      auto input = input_for(pictures);
      write({input.mutable_data_ptr<float>(), static_cast<std::size_t>(input.numel())});
      copy(rows_of(program_->run(input), pictures), rows);
    }
    if (!device_.is_cuda()) return under_way.bytes();
    auto bytes = use.bytes();
    for (auto most = on_device_.load(); bytes > most && !on_device_.compare_exchange_weak(most, bytes);) {
    }
    share_.trim();
    return bytes;
  }

  // The same for a plan on the host, a part for each thread.
  std::uint64_t pass_in_parts(const write_input& write, vector_rows rows, unsigned threads) {
    threads = std::max(threads, 1u);
    working_set::pass under_way{working_};
    auto input = input_for(static_cast<std::int64_t>(rows.size()));
    write({input.mutable_data_ptr<float>(), static_cast<std::size_t>(input.numel())});
    constexpr std::size_t most_in_part = 8; // more would not stay in the cache
    auto share = (rows.size() + threads - 1) / threads;
    auto size = std::clamp<std::size_t>(share, 1, most_in_part);
    auto parts = (rows.size() + size - 1) / size;
    if (parts == 1) {
      copy(rows_of(program_->run(input), static_cast<std::int64_t>(rows.size())), rows);
      return under_way.bytes();
    }
    std::atomic<std::uint64_t> most = 0;
    in_parts(parts, threads, [&](std::size_t part) {
      auto first = part * size, count = std::min(size, rows.size() - first);
      working_set::pass own{working_};
      auto pictures = input.narrow(0, static_cast<std::int64_t>(first), static_cast<std::int64_t>(count));
      copy(rows_of(program_->run(pictures), static_cast<std::int64_t>(count)), rows.subspan(first, count));
      for (auto before = most.load();
           own.bytes() > before && !most.compare_exchange_weak(before, own.bytes());) {
      }
    });
    return under_way.bytes() + std::min<std::uint64_t>(parts, threads) * most;
  }

  void give_back_idle() {
    working_.give_back_idle();
    empty_cache(device_);
  }

  at::Tensor input_for(std::int64_t pictures) const {
    std::int64_t height = spec_.height, width = spec_.width;
    return spec_.channels_last ? at::empty({pictures, height, width, 3}, at::kFloat)
                               : at::empty({pictures, 3, height, width}, at::kFloat);
  }

  at::Tensor rows_of(const at::Tensor& output, std::int64_t pictures) const {
    auto expected = shape({pictures, static_cast<std::int64_t>(spec_.dim)});
    auto given = [&] { return shape(output.sizes()) + " " + std::string{output.dtype().name()}; };
    auto sizes = output.sizes();
    auto longer = std::count_if(sizes.begin(), sizes.end(), [](auto n) { return n != 1; }) - (pictures != 1);
    if (!at::isFloatingType(output.scalar_type()))
      throw refusal{
          {errc::embed_failed, "the network gives " + given() + ", which are no floating-point numbers"}};
    if (output.dim() < 2 || output.size(0) != pictures || output.numel() != pictures * spec_.dim
        || longer > 1)
      throw refusal{{errc::embed_failed, "the network gives " + given() + " for " + std::to_string(pictures)
                                             + " pictures, where output.dim = " + std::to_string(spec_.dim)
                                             + " of its description asks for " + expected}};
    return output.to(at::kCPU, at::kFloat).contiguous();
  }

  // A row may ask for the first numbers of a vector only.
  void copy(const at::Tensor& output, vector_rows rows) const {
    auto numbers = output.const_data_ptr<float>();
    for (auto row : rows) {
      double squares = 0;
      for (std::size_t i = 0; i < row.size(); ++i) squares += static_cast<double>(numbers[i]) * numbers[i];
      if (!std::isfinite(squares))
        throw refusal{{errc::embed_failed, "the network gives numbers that are not finite"}};
      auto length = spec_.normalize && squares > 0 ? std::sqrt(squares) : 1.0;
      for (std::size_t i = 0; i < row.size(); ++i) row[i] = static_cast<float>(numbers[i] / length);
      numbers += spec_.dim;
    }
  }

  network_spec spec_;
  at::Device device_;
  working_set working_;
  cache_share share_;
  std::unique_ptr<program> program_;
  bool tried_ = false;
  std::atomic<std::uint64_t> on_device_ = 0; ///< the most that a pass was measured to need on a CUDA device
};

} // namespace

} // namespace vef

extern "C" __attribute__((visibility("default"))) void
vef_torch_load_network_3(const vef::network_spec& spec, vef::result<std::unique_ptr<vef::network>>& out) {
  out = vef::translated(vef::errc::load_failed, [&]() -> vef::result<std::unique_ptr<vef::network>> {
    return std::make_unique<vef::torch_network>(spec);
  });
  if (!out) vef::empty_cache(vef::torch_device(spec.device)); // of what was made until then
}
