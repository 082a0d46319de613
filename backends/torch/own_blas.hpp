#pragma once

namespace vef {

/// LibTorch carries a fast BLAS and LAPACK inside, whose functions have the names that they have everywhere:
/// `sgemm_`. OpenCV brings a BLAS along too (Debian's is the slow reference one), and the loader prefers what
/// a program came with, so that LibTorch would compute with that: ten times slower. This points LibTorch's
/// calls of such functions back to its own.
///
/// The loader's own means do not help: RTLD_DEEPBIND also separates LibTorch from the program's copies of
/// libstdc++'s objects, after which its streams throw. Once per process, before the first network.
void use_own_blas();

} // namespace vef
