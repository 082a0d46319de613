// Becomes a library without content whose name, to the loader, is libtorch.so. The real one is as empty: it
// only asks for the parts of LibTorch, CUDA's among them. Packages ask for it, so without this one they would
// need half a gigabyte of CUDA libraries to run on a processor.
