# The converters of published tables of trainings: a good row, and broken ones, one line each.
convert() { # NAME HEADER ROW
  printf '%s\n%s\n' "$2" "$3" >"$1.csv"
  python3 "$SOURCE/data/convert_$1.py" "$1.csv"
  echo $?
}
for name in delrey yarally xu zeus; do
  python3 "$SOURCE/data/convert_$name.py"
  python3 "$SOURCE/data/convert_$name.py" absent.csv
  convert $name wrong,columns 1,2
done
delrey=row,authors_split,authors_fold,gpu,architecture,dataset,gflops_fwd_per_image,batch_size
delrey=$delrey,image_height,image_width,total_ram_gb,train_size,val_size,gpu_cuda_cores,gpu_mem_gb
delrey=$delrey,gpu_tdp_spec_w,gpu_max_power_limit_w,n_epochs,avg_gpu_power_w,gpu_usage_pct
delrey=$delrey,total_energy_kj,duration_s,win5_mean_power_w,step_epoch_est_stable_kj
delrey=$delrey,avg_stable_epoch_energy_kj
part='128,128,32,800,200,640,2,60,60'
convert delrey $delrey "1,train,2,GTX,mobilenet_v2,chesslive,0.06,32,$part,40,30,50,90,3000,31,60,2"
convert delrey $delrey "1,train,2,GTX,vgg16,dogs,0.06,32,$part,40,30,50,90,3000,,,"
convert delrey $delrey "1,test,,GTX,mobilenet_v2,chesslive,0.06,32,$part,40,30,50,,,,,"
convert delrey $delrey "1,train,2,GTX,lenet,chesslive,0.06,32,$part,40,30,50,90,3000,31,60,2"
convert delrey $delrey "1,train,2,GTX,xception,chesslive,0.06,32,9$part,40,30,50,90,3000,31,60,2"
convert delrey $delrey "1,train,2,GTX,vgg16,dogs,0.06,-32,$part,40,30,50,90,3000,31,60,2"
convert delrey $delrey "1,train,2,GTX,vgg16,dogs,0.06,32,$part,40.5,30,50,90,3000,31,60,2"
yarally=key,net,dataset,n_conv,n_linear,relu,train_samples,batch,epochs,J_mean
convert yarally $yarally "RQ2 CIFAR10 conv1 lin3 relu0,SimpleCNN,CIFAR10,1,3,0,50000,512,25,2641.8"
convert yarally $yarally "RQ1,SimpleCNN,CIFAR10,1,3,0,50000,512,25,2641.8"
convert yarally $yarally "RQ1 a b,ResNet,CIFAR10,1,3,0,50000,512,25,2641.8"
xu=net,dataset,trainable_params,fwd_flops_per_sample,trainable_flops_per_batch32,wall_J,time_s
convert xu $xu VGG16,CIFAR10,18923530,664633404.0,1210845056,5371318.01,5433.96
convert xu $xu VGG16,SVHN,18923530,664633404.0,1210845056,5371318.01,5433.96
zeus=dataset,network,batch_size,optimizer,power_limit,time_per_epoch,average_power,gpu
convert zeus $zeus imagenet,resnet50,128,adadelta,100,6824.4,99.5,v100
convert zeus $zeus imagenet,resnet50,128,adadelta,100,6824.4,nan,v100
convert zeus $zeus imagenet,resnet50,128,adadelta,100,6824.4,99.5,h100
