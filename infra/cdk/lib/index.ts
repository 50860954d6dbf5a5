export { type Channels, type Mode, Tidewaiter, type TidewaiterProps, type TidewaiterInRegionsProps } from './tidewaiter.js';
