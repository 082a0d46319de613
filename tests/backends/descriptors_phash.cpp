#include "descriptors_phash.hpp"

#include <vef/backends/image/prepare.hpp>

#include <opencv2/imgproc.hpp>

#include <algorithm>
#include <vector>

namespace vef::test {

std::bitset<64> perceptual_hash(const pixels& picture) {
  auto small = resize(picture, 32, 32, interpolation::bilinear);
  cv::Mat grey, transformed;
  cv::cvtColor(cv::Mat{32, 32, CV_8UC3, small.rgb.data()}, grey, cv::COLOR_RGB2GRAY);
  grey.convertTo(grey, CV_32F);
  cv::dct(grey, transformed);

  std::vector<float> lowest;
  for (int y = 0; y < 8; ++y)
    for (int x = 0; x < 8; ++x) lowest.push_back(transformed.at<float>(y, x));
  auto sorted = lowest;
  std::sort(sorted.begin(), sorted.end());
  auto median = (sorted[31] + sorted[32]) / 2;

  std::bitset<64> hash;
  for (std::size_t i = 0; i < 64; ++i) hash[i] = lowest[i] > median;
  return hash;
}

} // namespace vef::test
