#!/usr/bin/env bash
# What a quarter of an hour on a GPU should give: networks first, then figures beside PyTorch.
#
#   benchmarks/gpu.sh OUT PHOTOS VALIDATION [STEP…]         # the first seven take about 14 minutes on one H100 or H200
#   TINY=1 benchmarks/gpu.sh OUT PHOTOS VALIDATION [STEP…]  # the same steps in a few minutes on a CPU
#
# Without names of steps, all are made, in the order of `steps`. PHOTOS and VALIDATION are folders. Each step has a time
# limit and leaves a log and its results in OUT/results.tar, which is whole after each step, so the script can be cut at
# any moment. It installs nothing.
set -uo pipefail
cd "$(dirname "$0")/.."
out=$(realpath -m "$1") photos=$2 validation=$3
steps="srresnet_real srgan_real upscale gan_step one_update files last_convolution degradation"
steps+=" srresnet_x2 srresnet_x8 srgan upscale_srgan reduced srresnet"
wanted=" ${*:4} "
for name in "${@:4}"; do
  [[ " $steps " == *" $name "* ]] || { echo "$name: no step of this script; choose from $steps" >&2; exit 2; }
done
results=$out/results
mkdir -p "$results"
python=${PYTHON:-python}
tiny=${TINY:-}
[ -n "$tiny" ] && export JAX_PLATFORMS=cpu

# step NAME SECONDS COMMAND...: an interrupted training run saves a checkpoint and its best weights.
step() {
  local name=$1 seconds=$2
  shift 2
  [[ "$wanted" == "  " || "$wanted" == *" $name "* ]] || return 0
  # A CPU compiles longer than a GPU trains.
  [ -z "$tiny" ] || seconds=$((5 * seconds))
  local begun=$SECONDS
  timeout --signal=INT --kill-after=20 "$seconds" "$@" > "$results/$name.log" 2>&1
  echo "$name: exit code $?, $((SECONDS - begun)) s" | tee -a "$results/steps.txt"
  tar -cf "$out/.results.tar" -C "$out" results && mv "$out/.results.tar" "$out/results.tar"
}

# train NAME SECONDS FLAGS...: a run whose weights and curves are kept, whatever became of it.
train() {
  local name=$1 seconds=$2
  shift 2
  step "$name" "$seconds" "$python" scripts/train.py --data "$photos" --validation "$validation" \
    --workdir "$out/runs/$name" --dtype bfloat16 --cache "$@"
  [ -d "$out/runs/$name" ] || return 0
  mkdir -p "$results/$name"
  cp "$out/runs/$name"/{*.safetensors,curves.png,metrics.jsonl,strips/degraded.png} "$results/$name/" 2> /dev/null
}

best() { if [ -f "$out/runs/$1/best.safetensors" ]; then echo "$out/runs/$1/best.safetensors"; else echo "$2"; fi; }

if [ -n "$tiny" ]; then
  size=(--steps 4 --batch-size 2 --crop 48 --validate-every 2 --checkpoint-every 2 --crops-per-photo 1)
  gan_size=("${size[@]}") rounds=1 updates=1 crops=(--batch-size 2 --crop 48)
  picture=(--size 48 48 --tiles 128) megapixels=0.01 last=(--batch-size 2 --crop 16)
else
  size=(--steps 16000 --batch-size 64 --crop 128 --validate-every 2000 --checkpoint-every 2000)
  gan_size=(--steps 12000 --batch-size 32 --crop 128 --validate-every 1500 --checkpoint-every 1500)
  rounds=5 updates=50 crops=(--batch-size 16 --crop 96)
  picture=(--size 512 512 --tiles 128 256 512) megapixels=(1 12) last=(--batch-size 64 --crop 96)
fi

train srresnet_real 240 --stage srresnet --init srresnet --degradation real --learning-rate 5e-4 \
  --schedule cosine --warmup 300 --ema 0.999 "${size[@]}"
# The losses and rates of its third run on two cores (docs/design/real-photos.md), the best of those tried.
train srgan_real 280 --stage srgan --init "$(best srresnet_real srresnet_real)" --degradation real --perceptual lpips \
  --content-ratio 0.5 --loss l1 --pixel-weight 0.05 --discriminator unet --learning-rate 1e-4 \
  --discriminator-learning-rate 4e-4 --adversarial-weight 0.2 --schedule cosine --warmup 200 --ema 0.999 \
  "${gan_size[@]}"
warm=("$python" benchmarks/upscale.py warm --rounds "$rounds" --compiled "${picture[@]}")
step upscale 90 "${warm[@]}" --json "$results/upscale.json"
step gan_step 80 "$python" benchmarks/gan_step.py --rounds "$rounds" --updates "$updates" "${crops[@]}" \
  --losses 1 --json "$results/gan_step.json"
step one_update 50 "$python" benchmarks/train_step.py --rounds "$rounds" --updates 1 "${crops[@]}" --losses 1 \
  --json "$results/one_update.json"
step files 60 "$python" benchmarks/upscale.py photos --pytorch --megapixels "${megapixels[@]}" \
  --json "$results/files.json"
step last_convolution 40 "$python" benchmarks/last_convolution.py --rounds "$rounds" "${last[@]}" \
  --json "$results/last_convolution.json"
step degradation 50 "$python" benchmarks/train_step.py --rounds "$rounds" --updates "$updates" "${crops[@]}" \
  --losses 1 --degradation real --dtypes bfloat16 --json "$results/degradation.json"
scaled=(--stage srresnet --init srresnet --learning-rate 1e-3 --schedule cosine --warmup 300 --ema 0.999)
train srresnet_x2 130 "${scaled[@]}" --scale 2 "${size[@]}"
train srresnet_x8 130 "${scaled[@]}" --scale 8 "${size[@]/128/192}"
train srgan 240 --stage srgan --init srgan --perceptual lpips --content-ratio 0.5 --loss l1 --pixel-weight 0.05 \
  --discriminator unet --learning-rate 1e-4 --discriminator-learning-rate 4e-4 --adversarial-weight 0.2 \
  --schedule cosine --warmup 200 --ema 0.999 "${gan_size[@]}"
step upscale_srgan 90 "${warm[@]}" --model srgan --json "$results/upscale_srgan.json"
# What helped most in the short runs of docs/results.md, together: photos at several scales, larger crops, a small rate.
step reduced 120 "$python" benchmarks/recipe_photos.py "$photos" --into "$out/reduced"
train srresnet 240 --stage srresnet --init srresnet --learning-rate 5e-5 --warmup 300 --ema 0.9995 "${size[@]}" \
  --data "$photos" "$out/reduced"
